"""Reports: the tables, figures and page about a finished run.

Everything reads the files of the run folder and nothing else, so a report can be drawn again at
any time, on any machine: ``python -m taggant.report FOLDER``.
"""

from __future__ import annotations

from taggant.report.folder import RunFolder, RunFolderError, SetFolder, load
from taggant.report.report import write

__all__ = ["RunFolder", "RunFolderError", "SetFolder", "load", "write"]
