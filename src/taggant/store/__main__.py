"""Look after the store: ``python -m taggant.store ls|show|gc|verify``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from taggant.numbers import duration
from taggant.store.manifest import StoreError
from taggant.store.upkeep import collect, damage, survey


def ls(root: Path, _: argparse.Namespace) -> int:
    """List every artifact."""
    table = Table("stage", "digest", "size", "took", "made from")
    there = survey(root)
    found = there.records
    for record in found:
        made_from = " ".join(f"{name} {key[:8]}" for name, key in record.inputs)
        took = duration(record.manifest["seconds"])
        table.add_row(record.stage, record.digest[:12], _size(record.bytes), took, made_from)
    table.caption = f"{len(found)} artifacts, {_size(sum(record.bytes for record in found))}"
    Console(soft_wrap=True).print(table)
    _tell(there.unreadable)
    return 1 if there.unreadable else 0


def show(root: Path, options: argparse.Namespace) -> int:
    """Print the manifests of the artifacts whose digest starts so."""
    found = [r for r in survey(root).records if r.digest.startswith(options.digest)]
    for record in found:
        print(json.dumps({"path": str(record.path), **record.manifest}, indent=1))
    if not found:
        print(f"error: no artifact in {root} starts with {options.digest}", file=sys.stderr)
    return 0 if found else 2


def verify(root: Path, _: argparse.Namespace) -> int:
    """Hash every file and name what is damaged, missing or in the wrong folder."""
    there = survey(root)
    found = there.records
    wrong = [*there.unreadable, *(message for record in found if (message := damage(record)))]
    _tell(wrong)
    print(f"{len(found) + len(there.unreadable)} artifacts, {len(wrong)} damaged")
    return 1 if wrong else 0


def gc(root: Path, options: argparse.Namespace) -> int:
    """Name, and with --yes remove, what no kept run was made from."""
    removed = collect(root, options.runs, options.yes)
    for path, size in removed:
        print(f"{_size(size):>10}  {path}")
    total = _size(sum(size for _, size in removed))
    print(f"{'removed' if options.yes else 'would remove (--yes does)'}: {len(removed)}, {total}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for a store that cannot be read."""
    base = Path(os.environ.get("TAGGANT_ROOT", "."))
    parser = argparse.ArgumentParser(prog="python -m taggant.store", description=__doc__)
    parser.add_argument("--root", type=Path, default=base / "store", help="folder of the store")
    commands = parser.add_subparsers(required=True)
    for function in (ls, show, gc, verify):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.set_defaults(function=function)
        if function is show:
            command.add_argument("digest", help="its first digits")
        if function is gc:
            command.add_argument("--runs", type=Path, default=base / "runs", help="runs to keep")
            command.add_argument("--yes", action="store_true", help="remove, not only name")
    options = parser.parse_args(arguments)
    try:
        if not options.root.is_dir():
            raise StoreError(f"--root {options.root}: no such folder")
        return int(options.function(options.root, options))
    except (StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _tell(messages: Sequence[str]) -> None:
    for message in messages:
        print(message, file=sys.stderr)


def _size(count: int) -> str:
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
