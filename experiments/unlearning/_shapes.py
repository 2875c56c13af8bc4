"""What figures of unlearning share: their table, and detection against what it cost in utility.

Detection rates are those of the forgotten images, with 95 % intervals, exact for one model.
No claim is not evidence of erasure: only the upper end bounds what is left to be found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

import numpy as np
import polars as pl
from experiments.plots import PALETTE, sides, with_bars
from experiments.unlearning._pool import SEED, pooled
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from taggant.report import style
from taggant.report.intervals import bars

ENDS = {"none": ("before", "o"), "retrain": ("retrained without them", "*")}
"""The ends of every comparison: nothing done, and exact unlearning. Strength plays no part."""
COLLAPSE = 0.5
"""Utility losses beyond this share are drawn at it."""
RATES = (
    "forgotten_rate_before",
    "forgotten_rate",
    "retained_rate",
    "unused_rate",
    "forgotten_rate_two_sided",
    "forgotten_over_rate_two_sided",
    "unused_rate_two_sided",
    "auc_before",
    "auc",
)
FACTS = (
    "p",
    "forgotten",
    "retained",
    "unused",
    "status",
    "utility_before",
    "utility",
    "utility_loss",
    "gradient_steps",
    "unlearning_seconds",
    "date",
)
METHOD, STRENGTH = "unlearning", "unlearning.strength"
PARTS = (
    ("retained_rate", "retained", style.EXTRA, "D"),
    ("forgotten_rate", "forgotten", style.USED, "o"),
    ("unused_rate", "never used", style.UNUSED, "s"),
)


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    """Swept columns, rates with intervals, utility and costs; the ends once, at strength 1.

    Over seeds, if they are swept, all is pooled.
    """
    swept = runs.columns[: runs.columns.index("experiment")]
    table = _rows(runs, swept)
    if SEED not in swept:
        return table
    return pooled(table, [name for name in swept if name != SEED], RATES)


def _rows(runs: pl.DataFrame, swept: Sequence[str]) -> pl.DataFrame:
    sides = chain.from_iterable((rate, f"{rate}_low", f"{rate}_high") for rate in RATES)
    table = runs.select(*swept, *FACTS[:-1], *sides, FACTS[-1])
    if STRENGTH not in swept:
        return table
    ends = pl.col(METHOD).is_in([*ENDS])
    others = [name for name in swept if name != STRENGTH]
    once = table.filter(ends).sort(STRENGTH).unique(others, keep="last", maintain_order=True)
    once = once.with_columns(pl.lit(1.0).alias(STRENGTH))
    graded = table.filter(~ends).with_columns(pl.col(STRENGTH).cast(pl.Float64))
    return pl.concat([once, graded.sort(*others, STRENGTH)])


def methods(table: pl.DataFrame) -> list[str]:
    """Methods that have a strength, in the table's order."""
    return [m for m in table[METHOD].unique(maintain_order=True).to_list() if m not in ENDS]


def title(method: str) -> str:
    """A method's name as a figure says it."""
    return method.replace("_", " ")


def parts(table: pl.DataFrame) -> Figure:
    """Forgotten, retained and unused images claimed, a line a method, its utility in brackets."""
    figure = Figure(figsize=(style.WIDTH, 1.2 + 0.42 * table.height))
    ax = figure.subplots()
    places = np.arange(table.height)
    for (rate, name, colour, marker), shift in zip(PARTS, (-0.2, 0, 0.2), strict=True):
        with_bars(ax, table, places + shift, rate, name, colour, marker)
    accuracy = table["utility"].to_list()
    names = [title(name) for name in table[METHOD]]
    ax.set_yticks(places, [f"{n} ({u:.1%})" for n, u in zip(names, accuracy, strict=True)])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.axvline(float(table["p"][0]), color=style.INK, linestyle=style.DASHED, linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"images claimed at p = {table['p'][0]:.0%}")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def curves(table: pl.DataFrame, utility: str) -> Figure:
    """Detection rate of forgotten images against relative loss of utility, a panel a method.

    Parameters
    ----------
    table : DataFrame
        As `collect` makes it: one row a method and strength.
    utility : str
        What the utility is.
    """
    names = methods(table)
    rows = -(-len(names) // 3)
    fig = Figure(figsize=(style.WIDTH * 1.4, 0.9 + 1.75 * rows))
    axes = fig.subplots(rows, 3, sharex=True, sharey=True, squeeze=False)
    for ax, name in zip(axes.flat, names, strict=False):
        ends(ax, table)
        curve(ax, table.filter(pl.col(METHOD) == name), style.USED)
        ax.set_title(title(name))
    for ax in axes.flat[len(names) :]:
        ax.set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=2)
    fig.supxlabel(f"relative loss of {utility}", fontsize=10)
    fig.supylabel(f"forgotten images claimed at p = {table['p'][0]:.0%}", fontsize=10)
    return fig


def curve(ax: Axes, rows: pl.DataFrame, colour: str, name: str = "after unlearning") -> None:
    """One method over its strengths; hollow where the model collapsed or diverged."""
    x = lost(rows)
    rate = rows["forgotten_rate"].to_numpy()
    ax.plot(x, rate, color=colour, linewidth=1, alpha=0.5)
    errors(ax, rows, x, colour, "o", name)
    broken = (rows["status"] != "ok").to_numpy()
    ax.plot(x[broken], rate[broken], "o", color=style.PAPER, markersize=2.5, zorder=5)


def ends(ax: Axes, table: pl.DataFrame) -> None:
    """Before, retrained, and p: what every method is to be read against."""
    for (name, (label, marker)), colour in zip(ENDS.items(), PALETTE[1:3], strict=True):
        rows = table.filter(pl.col(METHOD) == name)
        errors(ax, rows, lost(rows), colour, marker, label)
    ax.axhline(
        float(table["p"][0]), color=style.INK, linestyle=style.DASHED, linewidth=1, label="p"
    )
    ax.set_ylim(-0.02, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def errors(
    ax: Axes, rows: pl.DataFrame, x: np.ndarray, colour: str, marker: str, name: str
) -> None:
    """Detection rates of forgotten images with their intervals."""
    bars(ax, x, *sides(rows, "forgotten_rate"), colour, marker, name, across="y")


def lost(rows: pl.DataFrame) -> np.ndarray:
    """Relative loss of utility, at most `COLLAPSE`."""
    return np.asarray(np.minimum(rows["utility_loss"].to_numpy(), COLLAPSE))


def ranking(table: pl.DataFrame, budgets: Sequence[float] = (0.01, 0.05, 0.1)) -> pl.DataFrame:
    """Methods by the least detection rate within each budget of utility, and by their cost.

    Strength 0 is the model before, at no loss, so that a method without a better point within a
    budget has its rate; the ends stand as they are, whatever they lose. Cost is the share of
    retraining's gradient steps and seconds, at the strength of the largest budget's point.
    """
    before, anew = (table.filter(pl.col(METHOD) == name) for name in ENDS)
    lines = []
    for name in [*ENDS, *methods(table)]:
        own = table.filter(pl.col(METHOD) == name)
        points = own if name in ENDS else pl.concat([before, own])
        best = [_best(points, budget if name not in ENDS else math.inf) for budget in budgets]
        line: dict[str, object] = {"method": title(name)}
        line |= {f"at ≤ {b:.0%} loss": _shown(row) for b, row in zip(budgets, best, strict=True)}
        line["_rate"] = best[-1]["forgotten_rate"]
        last = own if own.height == 1 else own.filter(pl.col(STRENGTH) == best[-1][STRENGTH])
        for cost, text in (("gradient_steps", "steps"), ("unlearning_seconds", "seconds")):
            line[f"{text}, of retraining's"] = f"{last[cost][0] / anew[cost][0]:.1%}"
        lines.append(line)
    return pl.DataFrame(lines).sort("_rate", maintain_order=True).drop("_rate")


def _best(rows: pl.DataFrame, budget: float) -> dict[str, object]:
    within = rows.filter(pl.col("utility_loss") <= budget)
    return within.sort("forgotten_rate", maintain_order=True).row(0, named=True)


def _shown(row: dict[str, object]) -> str:
    rate, low, high = (row[f"forgotten_rate{side}"] for side in ("", "_low", "_high"))
    return f"{rate:.1%} [{low:.1%}, {high:.1%}]"
