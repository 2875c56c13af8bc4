"""Unlearning methods at their defaults: forgotten, retained and unused images claimed.

Retained images should still be found, forgotten ones no more often than those never used, whose
rate is at most p whatever the model is. In brackets: accuracy on test images.
"""

import numpy as np
import polars as pl
from experiments.plots import DASHED, points
from experiments.unlearning import _shapes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from taggant.report import style

RUNS = ("unlearning/strength",)  # of which `unlearning/classifier` is the part at strength 1
GROUPS = (
    ("retained_rate", "retained", style.EXTRA, "D"),
    ("forgotten_rate", "forgotten", style.USED, "o"),
    ("unused_rate", "never used", style.UNUSED, "s"),
)


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return _shapes.collect(runs).filter(pl.col(_shapes.STRENGTH) == 1)


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 1.2 + 0.42 * table.height))
    ax = figure.subplots()
    places = np.arange(table.height)
    for (rate, name, colour, marker), shift in zip(GROUPS, (-0.2, 0, 0.2), strict=True):
        points(ax, table, places + shift, rate, name, colour, marker)
    accuracy = table["utility"].to_list()
    names = [_shapes.title(name) for name in table[_shapes.METHOD]]
    ax.set_yticks(places, [f"{n} ({u:.1%})" for n, u in zip(names, accuracy, strict=True)])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.axvline(float(table["p"][0]), color=style.INK, linestyle=DASHED, linewidth=1)
    ax.set_xlim(-0.02, 1.02)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel(f"images claimed at p = {table['p'][0]:.0%}")
    figure.legend(loc="outside upper center", ncols=3)
    return figure
