"""Shapes that several figures share; how they look is `taggant.report.style`.

Rates are in 0..1, with their exact 95 % intervals as bands or bars; the dashed line is p, below
which the rate of images that were not used must stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator, PercentFormatter

from taggant.report import style
from taggant.report.intervals import band, bars

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1b1f24")
"""Colours of Okabe and Ito, for people who see few of them too."""
MARKERS = "osD^vPX"
USED, UNUSED = "detection_rate", "false_detection_rate"
PARTS = ((USED, "used", style.USED, "o"), (UNUSED, "not used", style.UNUSED, "s"))


def rates(
    table: pl.DataFrame, x: str, label: str, *, log: bool = False, utility: str | None = None
) -> Figure:
    """Both rates against a number.

    Parameters
    ----------
    table : DataFrame
        One row a value of `x`.
    x, label : str
        Column, and what the axis says.
    log : bool
        Logarithmic axis.
    utility : str, optional
        What the column ``utility`` measures; then it is drawn below.
    """
    table = table.sort(x)
    fig, axes = panels(utility is not None)
    for rate, name, colour, marker in PARTS:
        with_band(axes[0], table, x, rate, name, colour, marker)
    level(axes[0], table)
    axes[0].legend(loc="best")
    if utility is not None:
        axes[1].plot(table[x], table["utility"], color=style.EXTRA, marker="D")
        axes[1].set_title(utility)
        axes[1].yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes[-1].set_xlabel(label)
    if log:
        logarithmic(axes[-1], table[x].unique().to_list())
    return fig


def panels(second: bool) -> tuple[Figure, list[Axes]]:
    """A figure of one panel, or of two that share x, the second flat."""
    fig = Figure(figsize=(style.WIDTH, 4.6 if second else 3.4))
    heights = [2.6, 1] if second else [1]
    axes = fig.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    return fig, list(axes[:, 0])


def series(
    table: pl.DataFrame,
    x: str,
    label: str,
    by: str,
    names: Mapping[Any, str] | None = None,
    *,
    log: bool = False,
) -> Figure:
    """Rates against a number, a colour for each value of `by`; dotted: images not used.

    Parameters
    ----------
    table : DataFrame
        One row a pair of `x` and `by`.
    x, label : str
        Column, and what the axis says.
    by : str
        Column whose values are told apart.
    names : mapping, optional
        How they are called.
    log : bool
        Logarithmic axis.
    """
    fig = Figure(figsize=(style.WIDTH, 3.6))
    ax = fig.subplots()
    kinds = table[by].unique(maintain_order=True).to_list()
    for kind, colour, marker in zip(kinds, PALETTE, MARKERS, strict=False):
        rows = table.filter(pl.col(by).eq_missing(kind)).sort(x)
        with_band(ax, rows, x, USED, (names or {}).get(kind, str(kind)), colour, marker)
        ax.plot(rows[x], rows[UNUSED], color=colour, linestyle=":", linewidth=1.2)
    level(ax, table)
    ax.set_xlabel(label)
    ax.legend(loc="best")
    if log:
        logarithmic(ax, table[x].unique().to_list())
    return fig


def categories(table: pl.DataFrame, column: str, names: Mapping[Any, str] | None = None) -> Figure:
    """Both rates of each value of a column, one below the other, in the table's order.

    Parameters
    ----------
    table : DataFrame
        One row a value.
    column : str
    names : mapping, optional
        How the values are called.
    """
    fig = Figure(figsize=(style.WIDTH, 1.1 + 0.36 * table.height))
    ax = fig.subplots()
    places = np.arange(table.height)
    for (rate, name, colour, marker), shift in zip(PARTS, (-0.12, 0.12), strict=True):
        with_bars(ax, table, places + shift, rate, name, colour, marker)
    labels = [(names or {}).get(value, str(value)) for value in table[column]]
    ax.set_yticks(places, labels)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.axvline(float(table["p"][0]), color=style.INK, linestyle=style.DASHED, linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"images claimed at p = {table['p'][0]:.0%}")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return fig


def with_band(
    ax: Axes, rows: pl.DataFrame, x: str, rate: str, name: str, colour: str, marker: str
) -> None:
    """A rate along x with its interval, which the columns ``RATE_low`` and ``RATE_high`` hold."""
    band(ax, rows[x], *sides(rows, rate), colour, marker, name)


def with_bars(
    ax: Axes,
    rows: pl.DataFrame,
    places: Sequence[float] | np.ndarray,
    rate: str,
    name: str,
    colour: str,
    marker: str,
) -> None:
    """A rate as a point for each row, its interval as a bar along x."""
    bars(ax, places, *sides(rows, rate), colour, marker, name)


def sides(rows: pl.DataFrame, rate: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """A rate, and the two ends of its interval."""
    return rows[rate], rows[f"{rate}_low"], rows[f"{rate}_high"]


def level(ax: Axes, table: pl.DataFrame) -> None:
    """The axis of rates, and p as a dashed line where there is only one."""
    ax.set_ylim(-0.02, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    levels = table["p"].unique().to_list()
    if len(levels) == 1:
        ax.axhline(levels[0], color=style.INK, linestyle=style.DASHED, linewidth=1)
        ax.set_ylabel(f"images claimed at p = {levels[0]:.0%}")
    else:
        ax.set_ylabel("images claimed")


def logarithmic(ax: Axes, ticks: Sequence[float]) -> None:
    """A logarithmic axis whose ticks are the values measured."""
    ax.set_xscale("log")
    ticks = sorted(ticks)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    ax.xaxis.set_minor_locator(NullLocator())
