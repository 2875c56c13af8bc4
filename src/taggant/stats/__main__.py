"""`python -m taggant.stats plan`: compare tests and choose n before publishing anything."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from taggant.stats.alternatives import Beta
from taggant.stats.planning import Plan, plan
from taggant.stats.planning_owner import least_withheld, plan_owner, plan_withheld
from taggant.stats.sets import SetPlan, plan_set


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (2: bad value, with the reason)."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options, Console()))
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m taggant.stats", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("plan", help="compare tests of one image at false-detection rate p")
    one.add_argument("--n", type=int, nargs="+", help="versions of each image (default: several)")
    one.add_argument("--p", required=True, help="bound on the false-detection rate, e.g. 0.05")
    _add_alternative(one)
    one.add_argument(
        "--power", type=float, default=0.0, help="wanted detection rate of used images"
    )
    one.add_argument(
        "--budget", type=float, default=float("inf"), help="most hidden versions read on average"
    )
    one.add_argument("--plot", type=Path, help="write power against reads to this image file")
    one.set_defaults(run=_plan)
    many = commands.add_parser("plan-set", help="plan m images at false discovery rate q")
    many.add_argument("--images", type=int, required=True, help="images to be audited, m")
    many.add_argument("--q", default="0.05", help="wanted false discovery rate")
    many.add_argument("--used", type=float, required=True, help="expected share of used images")
    many.add_argument("--n", type=int, help="versions of each image (default: from the level)")
    _add_alternative(many)
    many.set_defaults(run=_plan_set)
    owner = commands.add_parser("plan-owner", help="one p-value for several images of an owner")
    owner.add_argument("--images", type=int, nargs="+", required=True, help="sizes of sets")
    owner.add_argument("--p", required=True, help="bound on a false claim of the set, e.g. 0.001")
    owner.add_argument("--n", type=int, default=100, help="versions of each image (default 100)")
    _add_alternative(owner)
    owner.set_defaults(run=_plan_owner)
    held = commands.add_parser("plan-withheld", help="how many images to withhold")
    held.add_argument("--p", required=True, help="bound on the false-detection rate of one image")
    held.add_argument("--withheld", type=int, nargs="+", help="numbers to try (default: several)")
    _add_alternative(held)
    held.set_defaults(run=_plan_withheld)
    return parser


def _add_alternative(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mean",
        type=float,
        default=0.01,
        help="expected share of hidden versions, or of withheld images, that beat a used "
        "published one (default 0.01)",
    )
    parser.add_argument("--shape", type=float, default=1.0, help="a of its Beta(a, b) law")


def _plan(options: argparse.Namespace, console: Console) -> int:
    if options.plot is not None:
        _check_plot(options.plot)
    alternative = Beta.with_mean(options.mean, options.shape)
    result = plan(options.n, options.p, alternative, options.power, options.budget)
    console.print(_table(result, f"used: exceedance rate ~ {alternative}"))
    for name, n, reason in result.excluded if options.n else ():
        console.print(f"{name}, n = {n}: {reason}", style="dim", markup=False)
    if result.recommended is None:
        console.print("No test reaches the wanted power within the budget.", style="yellow")
    else:
        best = result.recommended
        console.print(
            f"Recommended: {best.test} with n = {best.n}: power {best.power:.3f}, "
            f"{best.reads_used:.1f} hidden versions read on used images, "
            f"{best.reads_unused:.1f} on unused ones."
        )
    if options.plot is not None:
        _plot(result, options.plot)
        console.print(f"Wrote {options.plot}", markup=False)
    return 0 if result.recommended is not None else 1


def _table(result: Plan, caption: str) -> Table:
    table = Table(title=f"Tests of level p = {result.p:g}, exact", caption=caption)
    for column in ("test", "n", "size", "power", "reads, used", "reads, unused"):
        table.add_column(column, justify="left" if column == "test" else "right")
    for row in result.rows:
        table.add_row(
            row.test,
            f"{row.n}",
            f"{row.size:.4f}",
            f"{row.power:.3f}",
            f"{row.reads_used:.1f}",
            f"{row.reads_unused:.1f}",
            style="bold green" if row is result.recommended else None,
        )
    return table


def _check_plot(path: Path) -> None:
    """Before anything is computed: can a plot be written there?"""
    from matplotlib.figure import Figure  # only here: the statistics need no plotting library

    formats = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise ValueError(f"--plot {path}: accepted are names that end in .{', .'.join(formats)}")
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"--plot {path}: accepted is a file in a folder that exists")


def _plot(result: Plan, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for name in dict.fromkeys(row.test for row in result.rows):
        rows = [row for row in result.rows if row.test == name]
        reads = [row.reads_used for row in rows]
        axes.plot(reads, [row.power for row in rows], marker="o", label=name)
    axes.set(
        xscale="log",
        xlabel="hidden versions read on a used image (mean)",
        ylabel="power",
        ylim=(0, 1.02),
        title=f"Tests of level p = {result.p:g}",
    )
    axes.legend(fontsize="small", frameon=False)
    figure.savefig(path)


def _plan_set(options: argparse.Namespace, console: Console) -> int:
    alternative = Beta.with_mean(options.mean, options.shape)
    result = plan_set(options.images, options.q, options.used, alternative, options.n)
    console.print(_set_table(result, options))
    if result.p_none > 0.5:
        console.print("More likely than not nothing will be claimed.", style="yellow")
    return 0


def _set_table(result: SetPlan, options: argparse.Namespace) -> Table:
    table = Table(title=f"{options.images} images at false discovery rate q = {options.q}")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_row("level of one image's test", f"{float(result.level):.5f}")
    table.add_row("least n (1 / level)", f"{result.n_least}")
    table.add_row("n planned", f"{result.n}")
    table.add_row("expected claims, optimal stopping", f"{result.discoveries:.1f}")
    table.add_row("chance of no claim at all", f"{result.p_none:.3f}")
    table.add_row("expected claims, full ranks", f"{result.discoveries_full:.1f}")
    table.add_row("hidden versions read, used", f"{result.reads_used:.1f}")
    table.add_row("hidden versions read, unused", f"{result.reads_unused:.1f}")
    return table


def _plan_owner(options: argparse.Namespace, console: Console) -> int:
    alternative = Beta.with_mean(options.mean, options.shape)
    table = Table(title=f"Sets of used images at p = {options.p}, n = {options.n}, simulated")
    for column in ("images in the set", "power"):
        table.add_column(column, justify="right")
    for row in plan_owner(options.images, options.p, alternative, options.n):
        table.add_row(f"{row.images}", f"{row.power:.3f}")
    console.print(table)
    console.print(f"used: exceedance rate ~ {alternative}, image by image", markup=False)
    return 0


def _plan_withheld(options: argparse.Namespace, console: Console) -> int:
    alternative = Beta.with_mean(options.mean, options.shape)
    table = Table(title=f"One used image among withheld ones at p = {options.p}, exact")
    for column in ("withheld", "power"):
        table.add_column(column, justify="right")
    for row in plan_withheld(options.p, alternative, options.withheld):
        table.add_row(f"{row.withheld}", f"{row.power:.3f}")
    console.print(table)
    console.print(
        f"Withhold {least_withheld(options.p)} at the least: no p-value is below 1/(m + 1). "
        f"used: a withheld image beats it with chance ~ {alternative}",
        markup=False,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
