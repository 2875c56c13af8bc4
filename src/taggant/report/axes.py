"""Axes that figures share: epochs, losses and shares, and labels at the ends of lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from taggant.numbers import quantity

Array = NDArray[np.float64]

NARROWEST = 0.04
"""An axis in percent shows at least one and a half times this range."""


def column(table: pl.DataFrame, name: str) -> Array:
    """A column as floats; null becomes NaN."""
    return np.asarray(table[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), np.float64)


def last(values: Array) -> float:
    """The last value that was measured; nan if none was."""
    measured = values[np.isfinite(values)]
    return float(measured[-1]) if len(measured) else float("nan")


def whole_percent(value: float) -> str:
    """A share 0..1 in percent, without decimals."""
    return f"{100 * value:.0f}%"


def epoch_axis(ax: Axes, epochs: Array) -> None:
    """Ticks at whole epochs; where few were measured, at these."""
    ax.set_xlabel("epoch")
    measured = np.unique(epochs)
    if len(measured) <= 6:
        ax.set_xticks(measured, [f"{epoch:.0f}" for epoch in measured])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if len(measured) == 1:
        ax.set_xlim(measured[0] - 1, measured[0] + 1)


def loss_axis(ax: Axes, values: Array) -> Callable[[float], str]:
    """Make the axis logarithmic if all losses are positive; return how to write a loss."""
    if np.nanmin(values) > 0:
        ax.set_yscale("log")
        ax.minorticks_off()
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value, 2)))
    return quantity


def share_axis(ax: Axes, values: Array) -> Callable[[float], str]:
    """Set the axis to whole percent, wide enough for ticks that differ; return how to write."""
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    half = max(float(np.ptp(values[np.isfinite(values)])), NARROWEST) * 0.75
    ax.set_ylim(max(middle - half, -0.02), min(middle + half, 1.02))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    return whole_percent


def end_labels(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write (value, text, colour) right of the axes at the value's height, without overlap."""
    to_axes = ax.transData + ax.transAxes.inverted()
    ax.autoscale_view()
    x = ax.get_xlim()[1]
    known = [label for label in labels if np.isfinite(label[0])]
    placed = -np.inf
    height_of_line = 0.17 / (ax.get_window_extent().height / ax.figure.dpi)  # text: 0.17 inches
    for value, text, colour in sorted(known):
        height = float(to_axes.transform((x, value))[1])
        placed = max(min(max(height, 0.0), 1.0), placed + height_of_line)
        ax.text(
            1.02, placed, text, color=colour, transform=ax.transAxes, va="center",
            fontweight="bold", clip_on=False,
        )  # fmt: skip
