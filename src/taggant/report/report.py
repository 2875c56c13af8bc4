"""Write a run's report: its figures as files, and one HTML page that holds them all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from taggant.report import style
from taggant.report.folder import load
from taggant.report.page import render
from taggant.report.sections import Section, sections


def write(folder: Path, formats: Iterable[str] = ("png",)) -> Path:
    """Draw the report of a finished run into its folder.

    Everything is made in a temporary folder first and then moved into place, the page last: a
    run that is killed, or fails, leaves an earlier report as it was. Each file is replaced
    atomically.

    Parameters
    ----------
    folder : Path
        Folder of any kind of run: ``result.json``, ``context.json`` and the tables that
        `taggant.report.folder` names.
    formats : iterable of str
        Formats of the figures in ``figures/``: ``png``, ``pdf``, ``svg``, ...

    Returns
    -------
    Path
        The page, ``folder/report.html``.

    Raises
    ------
    RunFolderError
        If a needed file is missing or says what it should not.
    ValueError
        If a format is unknown.
    """
    folder = Path(folder)
    run = load(folder)
    drawn = sections(run)
    return _put(folder, drawn, render(run, drawn), formats)


def _put(folder: Path, drawn: Sequence[Section], text: str, formats: Iterable[str]) -> Path:
    """Put figures and page into a folder, each atomically and the page last; return the page."""
    formats = tuple(formats)
    with TemporaryDirectory(dir=folder, prefix=".report-") as temporary:
        made: list[Path] = []
        for section in drawn:
            if section.figure is not None:
                made += style.save(section.figure, Path(temporary) / section.name, formats)
        page = Path(temporary) / "report.html"
        page.write_text(text, encoding="utf-8")
        (folder / "figures").mkdir(exist_ok=True)
        for path in made:
            path.replace(folder / "figures" / path.name)
        page.replace(folder / "report.html")
    for section in drawn:
        if section.figure is None:
            # A figure of an earlier report that this run no longer supports would mislead.
            for stale in (folder / "figures").glob(f"{section.name}.*"):
                stale.unlink()
    return folder / "report.html"
