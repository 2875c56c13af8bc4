"""Power against what hiding costs, every point with its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter

from taggant.report import style

SIZE = 6.5
"""Of names, in points."""
Box = tuple[float, float, float, float]


def pareto(table: pl.DataFrame, name: str, cost: str, panels: Sequence[tuple[str, str]]) -> Figure:
    """One panel a column of power; the line joins what hides best for its price.

    Parameters
    ----------
    table : DataFrame
        One row a point.
    name, cost : str
        Columns: how points are called, and what hiding costs, 0..1.
    panels : sequence of (str, str)
        Column of power, 0..1, and what the axis says.
    """
    fig = Figure(figsize=(1.5 * style.WIDTH, 4.4 * len(panels)))
    every = fig.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, (power, says) in zip(every, panels, strict=True):
        rows = table.sort(cost, power)
        ax.plot(*_front(rows, cost, power), color=style.UNUSED, linewidth=1, drawstyle="steps-post")
        ax.plot(rows[cost], rows[power], "o", color=style.USED, markersize=4)
        ax.set_ylim(-0.06, 1.12)
        low, high = rows[cost].to_numpy().min(), rows[cost].to_numpy().max()
        room = 0.08 * (high - low or 1.0)
        ax.set_xlim(low - 2 * room, high + 2 * room)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=None))
        ax.set_ylabel(says)
        ax.set_xlabel("accuracy lost")
    fig.draw_without_rendering()  # places the panels, which stay there
    fig.set_layout_engine("none")
    for ax, (power, _) in zip(every, panels, strict=True):
        _call(ax, list(table.select(cost, power, name).iter_rows()))
    return fig


def _front(rows: pl.DataFrame, cost: str, power: str) -> tuple[list[float], list[float]]:
    """Least power at each price, from rows in order of the price."""
    least = rows[power].cum_min()
    return rows[cost].to_list(), least.to_list()


def _call(ax: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    """Write each name as near its point as the others leave room for."""
    dots = [ax.transData.transform(point[:2]) for point in points]
    scale = ax.figure.dpi / 72
    taken: list[Box] = [(x - 3, y - 3, x + 3, y + 3) for x, y in dots]
    for (x, y), (across, up, name) in zip(dots, points, strict=True):
        arrow = {"arrowstyle": "-", "linewidth": 0.4, "color": style.FAINT, "shrinkB": 2}
        at = float(across), float(up)
        text = ax.annotate(name, at, at, fontsize=SIZE, va="bottom", arrowprops=arrow)
        wide, high = Text.get_window_extent(text).size  # without its arrow
        spots = ((x + dx * scale, y + dy * scale) for dx, dy in _near(wide / scale))
        boxes = ((left, low, left + wide, low + high) for left, low in spots)
        inside = (b for b in boxes if ax.bbox.x0 < b[0] and b[2] < ax.bbox.x1)
        box = next(b for b in inside if not any(map(_meets, [b] * len(taken), taken)))
        taken.append(box)
        left, low = ax.transData.inverted().transform(box[:2])
        text.set_position((float(left), float(low)))


def _near(wide: float) -> Iterator[tuple[float, float]]:
    """Where a name so wide may begin, in points from its own, the nearest first."""
    for step in range(200):
        away = 4 + 4 * step
        for up in (0, 1, -1):
            yield away, up * away - 3
            yield -away - wide, up * away - 3
        yield -wide / 2, away
        yield -wide / 2, -away - SIZE


def _meets(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
