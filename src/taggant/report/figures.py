"""The figures of a report: each takes tidy tables and returns a matplotlib `Figure`.

Nothing here reads a file, touches pyplot or needs a display. All rates are in 0..1, all intervals
are taken from the tables as they are (exact binomial ones, 95 %).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, PercentFormatter
from scipy.stats import binom

from taggant.numbers import level, quantity
from taggant.report import style
from taggant.report.axes import (
    Array,
    column,
    end_labels,
    epoch_axis,
    last,
    loss_axis,
    share_axis,
    whole_percent,
)
from taggant.report.groups import groups
from taggant.report.intervals import band, line

RATES = (
    ("detection", "used", style.USED),
    ("false_detection", "not used", style.UNUSED),
)
"""Column prefix of a rate, whose rate it is, and its colour."""

DECADES_ONLY = 500
"""With more versions, an axis of reads has its ticks at powers of ten."""


@style.styled
def curves(table: pl.DataFrame, p: float, utility: str = "test accuracy") -> Figure:
    """Detection and false-detection rate, train loss and utility over the epochs of training.

    Parameters
    ----------
    table : DataFrame
        ``curves.csv``: epoch, p, the two rates with their intervals, train_loss, utility.
    p : float
        The error probability to show; of those in the table the nearest is taken (and named).
    utility : str
        What the column ``utility`` measures.
    """
    shown = min(table["p"].unique().to_list(), key=lambda value: (abs(value - p), value))
    rows = table.filter(pl.col("p") == shown).sort("epoch")
    epochs = column(rows, "epoch")
    measured = [
        (values, title, colour, scale)
        for values, title, colour, scale in (
            (column(rows, "train_loss"), "Train loss", style.LOSS, loss_axis),
            (column(rows, "utility"), utility[:1].upper() + utility[1:], style.EXTRA, share_axis),
        )
        if np.isfinite(values).any()
    ]
    fig = Figure(figsize=(style.WIDTH, 5.2))
    rates, *others = np.atleast_1d(
        fig.subplots(1 + len(measured), 1, sharex=True, height_ratios=[2.6] + [1] * len(measured))
    )
    _claimed(rates, epochs, rows, shown)
    for ax, (values, title, colour, scale) in zip(others, measured, strict=True):
        line(ax, epochs, values, colour)
        ax.set_title(title)
        words = scale(ax, values)
        end_labels(ax, [(last(values), words(last(values)), colour)])
    bottom = others[-1] if others else rates
    epoch_axis(bottom, epochs)
    return fig


def _claimed(ax: Axes, epochs: Array, rows: pl.DataFrame, p: float) -> None:
    """The upper panel of the curves: both rates, their intervals and p."""
    labels = []
    for prefix, name, colour in RATES:
        _rate(ax, epochs, rows, prefix, colour)
        rate = last(column(rows, f"{prefix}_rate"))
        labels.append((rate, f"{name} {whole_percent(rate)}", colour))
    ax.axhline(p, color=style.INK, linestyle=style.DASHED, linewidth=1)
    ax.set_ylim(-0.02, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_title(f"Images claimed at p = {level(p)} (dashed)")
    end_labels(ax, labels)


@style.styled
def ranks(instances: pl.DataFrame, n: int, bins: int = 20) -> Figure:
    """Where the published version ranks among all n versions, for used and unused images.

    If a model knows nothing of which version was published, ranks are uniform on 1..n: each bin
    then holds a binomial number of images, whose central 95 % are drawn as a band (bin by bin:
    about one bin in twenty lies outside by chance).

    Parameters
    ----------
    instances : DataFrame
        Columns group (or part) and exceedances (T, without nulls): rank = T + 1.
    n : int
        Number of versions of an image.
    bins : int
        Number of bins, of equal width up to rounding; not more than n are drawn.

    Raises
    ------
    ValueError
        If an instance was not read to the end: ranks of only the others would be a biased choice.
    """
    unread = instances["exceedances"].null_count()
    if unread:
        raise ValueError(f"{unread} of {instances.height} instances have no rank; all need one")
    edges = np.unique(np.round(np.linspace(0, n, min(bins, n) + 1))) + 0.5  # between whole ranks
    chance = np.diff(edges) / n
    shown = groups(instances)
    fig = Figure(figsize=(style.WIDTH, 0.8 + 2.2 * len(shown)))
    panels = fig.subplots(len(shown), 1, sharex=True)
    for ax, (name, colour, members) in zip(panels, shown, strict=True):
        rank = members["exceedances"].to_numpy() + 1
        counts, _ = np.histogram(rank, bins=edges)
        total = len(rank)
        ax.bar(edges[:-1], counts, np.diff(edges) * 0.9, align="edge", color=colour, linewidth=0)
        low, high = (np.asarray(binom.ppf(tail, total, chance)) for tail in (0.025, 0.975))
        _band_behind(ax, low, high, edges)
        ax.stairs(total * chance, edges, baseline=None, color=style.INK, linewidth=1.2)
        ax.set_ylabel("images")
        ax.set_ylim(0, max(counts.max(), np.max(high), 1) * 1.12)
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.set_title(f"{name[:1].upper() + name[1:]} ({total:,} images)", color=colour)
        ax.grid(visible=False, axis="x")
    panels[0].set_xlim(0.5, n + 0.5)
    panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panels[-1].set_xlabel(f"rank of the published version, 1 to {n:,} (1 = highest score)")
    panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    _legend_of_uniform(fig, panels[0])
    return fig


@style.styled
def claims(table: pl.DataFrame, p: float | None = None) -> Figure:
    """Share of images that the rank test claims, against its error probability p.

    Axes are logarithmic when the grid of p reaches far down (small p is what matters then), else
    linear. On logarithmic axes a rate of zero has no point; the upper end of its interval shows.

    Parameters
    ----------
    table : DataFrame
        ``claims.csv``: p and the two rates with their intervals.
    p : float, optional
        The error probability of the run, marked by a line.
    """
    rows = table.filter(pl.col("p") > 0).sort("p")
    grid = column(rows, "p")
    logarithmic = grid[0] <= 0.02 and grid[-1] / grid[0] >= 20
    fig = Figure(figsize=(style.WIDTH, 4.0))
    ax = fig.subplots()
    floor = grid[0] / 2 if logarithmic else 0.0
    for prefix, _, colour in RATES:
        _rate(ax, grid, rows, prefix, colour, floor)
    ends = np.array([floor or 0.0, 1.0])
    ax.plot(ends, ends, color=style.INK, linewidth=1, linestyle=style.DASHED)
    if p is not None:
        ax.axvline(p, color=style.FAINT, linewidth=1, zorder=0.9)
    if logarithmic:
        ax.set_xscale("log")
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.set_xlim(grid[0], grid[-1])
        ax.set_ylim(floor, 2)  # the labels at the lines' ends stay below the title
    else:
        ax.set_xlim(0, max(grid[-1], 1e-6))
        ax.set_ylim(-0.02, 1.02)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: level(value)))
    ax.set_xlabel("p (probability of a false claim that is accepted)")
    ax.set_title("Images claimed; dashed: claimed = p" + (f"; line: p = {level(p)}" if p else ""))
    labels = []
    for prefix, name, colour in RATES:
        rate = last(column(rows, f"{prefix}_rate"))
        labels.append((max(rate, floor), name, colour))
    end_labels(ax, labels)
    return fig


@style.styled
def p_values(instances: pl.DataFrame, p: float) -> Figure:
    """Share of images whose p-value is at or below each value; by chance, at most the value.

    Parameters
    ----------
    instances : DataFrame
        Columns group (or part) and p_value.
    p : float
        At which claims were made, marked by a line.
    """
    fig = Figure(figsize=(style.WIDTH, 4.0))
    ax = fig.subplots()
    for name, colour, members in groups(instances):
        values = np.sort(members["p_value"].to_numpy())
        if not len(values):
            continue
        share = np.arange(len(values) + 2) / len(values)
        steps = np.concatenate([[0.0], values, [1.0]])
        label = f"{name} ({len(values):,} images)"
        ax.plot(steps, np.minimum(share, 1), drawstyle="steps-post", color=colour, label=label)
    ax.plot([0, 1], [0, 1], color=style.INK, linewidth=1, linestyle=style.DASHED)
    ax.axvline(p, color=style.FAINT, linewidth=1, zorder=0.9)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"p-value (line: p = {level(p)}; dashed: by chance)")
    ax.set_ylabel("images at or below")
    fig.legend(loc="outside upper center", ncols=2, labelcolor="linecolor", handlelength=1.2)
    return fig


@style.styled
def reads(instances: pl.DataFrame, n: int) -> Figure:
    """How many hidden versions each audit read before it stopped: cumulative share of images.

    Parameters
    ----------
    instances : DataFrame
        Columns group (or part) and versions_read.
    n : int
        Number of versions of an image; at most n - 1 hidden ones can be read.
    """
    fig = Figure(figsize=(style.WIDTH, 4.0))
    ax = fig.subplots()
    shown = groups(instances)
    for name, colour, members in shown:
        read = members["versions_read"].to_numpy()
        if not len(read):
            continue
        values, counts = np.unique(np.maximum(read, 1), return_counts=True)
        share = np.concatenate([[0.0], np.cumsum(counts) / len(read), [1.0]])
        steps = np.concatenate([[1.0], values, [float(max(n - 1, 1))]])
        label = f"{name}: mean {quantity(float(read.mean()))}"
        ax.plot(steps, share, drawstyle="steps-post", color=colour, label=label)
    ax.set_xscale("log")
    ax.set_xlim(1, max(n - 1, 2) * 1.12)
    ax.set_ylim(0, 1.02)
    ax.axvline(n - 1, color=style.FAINT, linewidth=1, linestyle=style.DASHED)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if n <= DECADES_ONLY else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"hidden versions read (dashed: all {n - 1:,})")
    ax.set_ylabel("audits finished")
    fig.legend(
        loc="outside upper center",
        ncols=2,
        labelcolor="linecolor",
        handlelength=1.2,
    )
    return fig


def _rate(
    ax: Axes, x: Array, rows: pl.DataFrame, prefix: str, colour: str, floor: float = 0.0
) -> None:
    """A rate with its interval; below `floor` there is no point."""
    rate, low, high = (column(rows, f"{prefix}_{name}") for name in ("rate", "low", "high"))
    shown = np.where(rate > floor, rate, np.nan) if floor else rate
    band(ax, x, shown, np.maximum(low, floor), high, colour)


def _band_behind(ax: Axes, low: Array, high: Array, edges: Array) -> None:
    """A band behind the bars, whose edges show in front of them."""
    ax.stairs(high, edges, baseline=low, fill=True, color=style.BAND, linewidth=0, zorder=0.6)
    for edge in (low, high):
        ax.stairs(
            edge, edges, baseline=None, color=style.FAINT, linewidth=0.9, linestyle=(0, (3, 2))
        )


def _legend_of_uniform(fig: Figure, ax: Axes) -> None:
    uniform = ax.plot([], [], color=style.INK, linewidth=1.2, label="if it knew nothing")[0]
    chance = Patch(
        facecolor=style.BAND, edgecolor=style.FAINT, linewidth=0.8, linestyle=(0, (3, 2))
    )
    chance.set_label("95% of the time")
    fig.legend(handles=[uniform, chance], loc="outside upper right", ncols=2, handlelength=1.4)
