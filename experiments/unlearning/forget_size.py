"""How many images are to be forgotten: what is still found of them.

One classifier that learned 250 marked images, asked to forget a part of them, by methods at their
defaults. The fewer there are, the wider the interval.
"""

import polars as pl
from experiments.plots import MARKERS, PALETTE, level, logarithmic, with_band
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect
from matplotlib.figure import Figure

from experiments import Expected
from taggant.report import style

EXPECTED = [
    Expected({"unlearning": "none", "unlearning.forget": 0.8}, "forgotten_rate", 0.855, 0.07),
    Expected({"unlearning": "retrain", "unlearning.forget": 0.8}, "forgotten_rate", 0.065, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 3.6))
    ax = figure.subplots()
    names = table[_shapes.METHOD].unique(maintain_order=True)
    for name, colour, marker in zip(names, PALETTE, MARKERS, strict=False):
        rows = table.filter(pl.col(_shapes.METHOD) == name).sort("forgotten")
        with_band(ax, rows, "forgotten", "forgotten_rate", _shapes.title(name), colour, marker)
    level(ax, table)
    ax.set_ylabel(f"forgotten images claimed at p = {table['p'][0]:.0%}")
    ax.set_xlabel("images to forget")
    ax.legend(loc="best", fontsize=8.5)
    logarithmic(ax, table["forgotten"].unique().to_list())
    return figure
