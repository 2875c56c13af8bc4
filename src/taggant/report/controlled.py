"""Figures of controlled publication: what each kind of evidence finds, of images and of sets."""

from __future__ import annotations

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from taggant.numbers import level
from taggant.report import style
from taggant.report.axes import column
from taggant.report.intervals import band

KINDS = {
    "versions": ("version ranks", style.EXTRA),
    "controls": ("withheld images", style.LOSS),
    "combined": ("both", style.USED),
}
"""Kind of evidence, as said to the reader, and its colour."""


@style.styled
def evidence(table: pl.DataFrame) -> Figure:
    """Share of images claimed against p, by kind of evidence; used images left, unused right.

    Parameters
    ----------
    table : DataFrame
        ``evidence.csv``: evidence, p and the two rates with their intervals.
    """
    fig = Figure(figsize=(style.WIDTH, 3.8))
    left, right = fig.subplots(1, 2)
    for ax, prefix, title in (
        (left, "detection", "Used images claimed"),
        (right, "false_detection", "Unused images claimed"),
    ):
        for kind, (name, colour) in KINDS.items():
            rows = table.filter(pl.col("evidence") == kind).sort("p")
            if rows.height:
                rate, low, high = (rows[f"{prefix}_{end}"] for end in ("rate", "low", "high"))
                band(ax, rows["p"], rate, low, high, colour, label=name)
        grid = column(table.sort("p"), "p")
        ax.plot(grid, grid, color=style.INK, linewidth=1, linestyle=style.DASHED)
        ax.set_xscale("log")
        ax.set_xlim(grid[0], grid[-1])
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: level(value)))
        _percent(ax, title)
        ax.set_xlabel("p; dashed: claimed = p")
    left.legend(loc="lower right")
    return fig


@style.styled
def sets(table: pl.DataFrame) -> Figure:
    """Share of an owner's sets claimed against their size, at each p; dashed: unused sets.

    Parameters
    ----------
    table : DataFrame
        ``sets.csv``: size, group, evidence, p, claimed.
    """
    levels = sorted(table["p"].unique().to_list(), reverse=True)[:3]
    fig = Figure(figsize=(style.WIDTH, 3.4))
    axes = fig.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    for ax, p in zip(axes, levels, strict=True):
        _by_size(ax, table.filter(pl.col("p") == p))
        ax.set_xscale("log")
        sizes = sorted(table["size"].unique().to_list())
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.minorticks_off()
        ax.set_xlabel("images in the set")
        _percent(ax, f"at p = {level(p)}")
    fig.axes[0].set_ylabel("sets claimed")
    handles, labels = fig.axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return fig


def _by_size(ax: Axes, table: pl.DataFrame) -> None:
    for kind, (name, colour) in KINDS.items():
        for group, dashes in (("used", "solid"), ("unused", "dashed")):
            rows = table.filter((pl.col("evidence") == kind) & (pl.col("group") == group)).sort(
                "size"
            )
            label = name if group == "used" and rows.height else None
            values = rows["size"], rows["claimed"]
            ax.plot(*values, color=colour, linestyle=dashes, marker="o", label=label)


def _percent(ax: Axes, title: str) -> None:
    ax.set_ylim(-0.03, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_title(title)
