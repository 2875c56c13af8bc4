"""Draw the report of a finished run again: ``python -m taggant.report FOLDER``.

``python -m taggant.report runs`` tabulates all runs instead.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from taggant.report import runs, write


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when the report was written, 2 when the folder cannot be reported."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["runs"]:
        return runs.main(given[1:])
    parser = argparse.ArgumentParser(prog="python -m taggant.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of a finished run")
    parser.add_argument(
        "--formats",
        nargs="+",
        default=["png"],
        metavar="FORMAT",
        help="of the figures: png pdf svg",
    )
    options = parser.parse_args(given)
    try:
        page = write(options.folder, options.formats)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
