"""Run, draw and check every figure and table by name.

python -m experiments list                     what there is
python -m experiments run NAME [OVERRIDE ...]  run it, keep its table in results/, draw it
python -m experiments collect NAME             keep the table of runs that are there
python -m experiments draw [NAME ...]          draw from results/; a group's name means all in it
python -m experiments check [NAME ...]         compare with what is expected; 1 if anything is off
python -m experiments gallery                  one page with all of them
python -m experiments paper [NAME ...]         what the presets at the papers' size would need
python -m experiments page                     docs/reproducing.md, to standard output
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from experiments import collect, gallery, output, paper, reproduce
from experiments.experiment import FIGURES, RESULTS, ROOT, Experiment, named
from taggant.files import write_atomically

RUNS = Path(os.environ.get("TAGGANT_ROOT", ROOT)) / "runs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 for what cannot be done, 1 for what is off."""
    options = _options(arguments)
    try:
        status: int = options.command(options)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return status


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the tables")
    parser.add_argument("--figures", type=Path, default=FIGURES, help="folder of the figures")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (list_, run, collect_, draw, check, gallery_, paper_, page):
        name = command.__name__.strip("_")
        sub = commands.add_parser(name, help=command.__doc__)
        sub.set_defaults(command=command)
        if command in (run, collect_):
            sub.add_argument("name")
        if command is run:
            sub.add_argument("overrides", nargs="*", help="as of run.py")
        if command in (draw, check):
            sub.add_argument("names", nargs="*")
        if command is paper_:
            sub.add_argument("names", nargs="*", help="presets; all of them if none is given")
            sub.add_argument("--rate", type=float, help="images/s that the device trains")
        if command is gallery_:
            sub.add_argument("--page", type=Path, default=ROOT / "gallery.html")
    return parser.parse_args(arguments)


def list_(options: argparse.Namespace) -> int:
    """What there is, and whether it has results."""
    for one in named((), options.results):
        print(f"{one.name:34} {'results' if one.path.exists() else '-':8} {one.title}")
    return 0


def run(options: argparse.Namespace) -> int:
    """Run it, keep its table, draw it."""
    (one,) = _exactly(options)
    for name in one.runs:
        command = [sys.executable, "run.py", f"+experiment={name}", *options.overrides]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
    return collect_(options)


def collect_(options: argparse.Namespace) -> int:
    """Keep the table of the runs that are there, and draw it."""
    (one,) = _exactly(options)
    runs = collect.newest(one.runs, RUNS)
    collect.put(one.collect(runs), one.path)
    write_atomically(one.code_path, json.dumps(collect.code_of(runs), indent=0).encode())
    print(one.path)
    return _draw([one], options.figures)


def draw(options: argparse.Namespace) -> int:
    """Draw from the tables that are kept."""
    chosen = named(options.names, options.results)
    return _draw([one for one in chosen if options.names or one.path.exists()], options.figures)


def check(options: argparse.Namespace) -> int:
    """Compare with what is expected."""
    off = 0
    for one in named(options.names, options.results):
        problems = one.problems()
        off += bool(problems)
        print(f"{one.name:34} {'off' if problems else 'as expected'}")
        for problem in problems:
            print(f"    {problem}")
    return int(off > 0)


def gallery_(options: argparse.Namespace) -> int:
    """One page with all of them."""
    print(gallery.write(named((), options.results), options.page, options.figures))
    return 0


def page(options: argparse.Namespace) -> int:
    """Print docs/reproducing.md."""
    print(reproduce.page(named((), options.results)), end="")
    return 0


def paper_(options: argparse.Namespace) -> int:
    """What the presets at the papers' size would need; runs nothing."""
    there = paper.presets()
    unknown = [name for name in options.names if name not in there]
    if unknown:
        raise ValueError(f"no preset {unknown[0]!r}; there are: {', '.join(there)}")
    Console(soft_wrap=True).print(paper.table(options.names or there, options.rate))
    if options.rate is None:
        print(
            "Hours: --rate IMAGES/S, what your device trains of a preset's network; no GPU has "
            "been timed on these networks (docs/performance.md)."
        )
    return 0


def _exactly(options: argparse.Namespace) -> list[Experiment]:
    found = [one for one in named([options.name], options.results) if one.name == options.name]
    if not found:
        raise ValueError(f"{options.name!r} is a group: name one experiment of it")
    return found


def _draw(experiments: Sequence[Experiment], figures: Path) -> int:
    for one in experiments:
        for path in output.save(one.draw(), figures / one.name):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
