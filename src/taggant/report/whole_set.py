"""Figures of an audit of a whole set: how its p-value grew, and what others would get."""

from __future__ import annotations

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from taggant.numbers import level
from taggant.report import style
from taggant.report.axes import column, epoch_axis, share_axis
from taggant.report.intervals import line


@style.styled
def curve(table: pl.DataFrame, p: float, utility: str = "Test accuracy") -> Figure:
    """log10 p and utility over epochs; columns epoch, log10_p, utility.

    Parameters
    ----------
    table : DataFrame
    p : float
        Of the audit, drawn as a line.
    utility : str
        What the utility is.
    """
    fig = Figure(figsize=(style.WIDTH, 4.2))
    upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    epochs, share = column(table, "epoch"), column(table, "utility")
    line(upper, epochs, column(table, "log10_p"), style.USED)
    upper.axhline(np.log10(p), color=style.INK, linestyle=style.DASHED, linewidth=1)
    upper.set_title(f"log10 p of the set; dashed: p = {level(p)}")
    if np.isfinite(share).any():
        line(lower, epochs, share, style.EXTRA)
        share_axis(lower, share)
    lower.set_title(utility)
    epoch_axis(lower, epochs)
    return fig


@style.styled
def uniformity(controls: pl.DataFrame, log10_p: float) -> Figure:
    """Sorted log10 p of control carriers against what a uniform p-value would give."""
    fig = Figure(figsize=(style.WIDTH, 4.2))
    ax = fig.subplots()
    found = np.sort(controls["log10_p"].to_numpy())
    expected = np.log10((np.arange(len(found)) + 0.5) / len(found))
    low = min(float(expected[0]), float(found[0]), log10_p) * 1.05
    ax.plot([low, 0], [low, 0], color=style.INK, linewidth=1, linestyle=style.DASHED)
    ax.plot(expected, found, ".", color=style.UNUSED, label="control carriers")
    ax.plot([expected[0]], [log10_p], "X", color=style.USED, markersize=9, label="the owner's")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("log10 p if uniform")
    ax.set_ylabel("log10 p found")
    ax.legend(loc="upper left")
    return fig


@style.styled
def per_class(table: pl.DataFrame, most: int = 30) -> Figure:
    """Bars of cosines, largest first; columns class, cosine."""
    shown = table.sort("cosine", descending=True).head(most).reverse()
    fig = Figure(figsize=(style.WIDTH, 1 + 0.19 * shown.height))
    ax = fig.subplots()
    ax.barh(shown["class"].to_list(), shown["cosine"].to_list(), color=style.USED)
    ax.axvline(0, color=style.INK, linewidth=1)
    ax.grid(visible=False, axis="y")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("cosine with the carrier")
    return fig
