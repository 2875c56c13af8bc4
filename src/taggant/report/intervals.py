"""How a measured value and its interval are drawn: in one place, for reports and experiments."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from taggant.report import style

SHADE = 0.2
"""Opacity of a band."""
MANY = 25
"""From so many points on, a line is drawn without its points."""


def band(
    ax: Axes,
    x: ArrayLike,
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    colour: str,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Values as a line along x, their intervals as a band; a bar where there is only one.

    Parameters
    ----------
    ax : Axes
    x, values, low, high : array [K]
        NaN or null is what was not measured.
    colour, marker : str
    label : str, optional
        For a legend.
    """
    place, value, bottom, top = map(_numbers, (x, values, low, high))
    there = np.isfinite(bottom) & np.isfinite(top)
    if there.sum() == 1:
        sides = (place[there], bottom[there], top[there])
        ax.vlines(*sides, color=colour, alpha=2 * SHADE, linewidth=6)
    else:
        sides = (place[there], bottom[there], top[there])
        ax.fill_between(*sides, color=colour, alpha=SHADE, linewidth=0)
    line(ax, place, value, colour, marker, label)


def line(
    ax: Axes,
    x: ArrayLike,
    values: ArrayLike,
    colour: str,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """Values along x without an interval, [K] each; what was not measured is left out."""
    place, value = _numbers(x), _numbers(values)
    there = np.isfinite(value)
    if there.any():
        shown = marker if there.sum() <= MANY else ""
        ax.plot(place[there], value[there], color=colour, marker=shown, label=label, clip_on=False)


def bars(
    ax: Axes,
    places: ArrayLike,
    values: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    colour: str,
    marker: str = "o",
    label: str | None = None,
    *,
    across: Literal["x", "y"] = "x",
    hollow: bool = False,
) -> None:
    """Values as points, their intervals as bars.

    Parameters
    ----------
    ax : Axes
    places : array [K]
        Where each point lies on the other axis.
    values, low, high : array [K]
    colour, marker : str
    label : str, optional
        For a legend.
    across : {"x", "y"}
        The axis of the values.
    hollow : bool
        Whether points are drawn as outlines.
    """
    value, place = _numbers(values), _numbers(places)
    spread = np.maximum([value - _numbers(low), _numbers(high) - value], 0)
    along = across == "x"
    ax.errorbar(
        value if along else place,
        place if along else value,
        xerr=spread if along else None,
        yerr=None if along else spread,
        fmt=marker,
        color=colour,
        label=label,
        capsize=2,
        elinewidth=1.4,
        markerfacecolor=style.PAPER if hollow else colour,
    )


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    """As floats; null becomes NaN."""
    return np.atleast_1d(np.asarray(values, np.float64))
