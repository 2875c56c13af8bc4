"""Unlearning five encoders, three of them with a slow teacher: forgotten images claimed.

Forgotten and retained images claimed; a column an encoder, a row a method at its default.
MoCo, BYOL and DINO have a teacher that follows the encoder in unlearning as in training. In
brackets: relative loss of a linear probe's accuracy on test images.
"""

import numpy as np
import polars as pl
from experiments.encoder.method import NAMES
from experiments.plots import with_bars
from experiments.unlearning import _shapes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from taggant.report import style

VICTIM = "victim"
VICTIMS = ("simclr", "vicreg", "moco", "byol", "dino")
METHODS = (
    *_shapes.ENDS,
    "finetune",
    "l1_sparse",
    "neggrad_plus",
    "gradient_ascent",
    "ssd",
    "warnecke_first_order",
)


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    orders = {VICTIM: VICTIMS, _shapes.METHOD: METHODS}
    places = [
        pl.col(name).replace_strict(values, range(len(values))) for name, values in orders.items()
    ]
    return _shapes.collect(runs).sort(places)


def draw(table: pl.DataFrame) -> Figure:
    victims = table[VICTIM].unique(maintain_order=True).to_list()
    methods = table[_shapes.METHOD].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(style.WIDTH * 1.9, 1.2 + 0.42 * len(methods)))
    axes = figure.subplots(1, len(victims), sharex=True, squeeze=False)[0]
    for ax, victim in zip(axes, victims, strict=True):
        rows = table.filter(pl.col(VICTIM) == victim)
        places = np.arange(rows.height)
        with_bars(ax, rows, places + 0.15, "retained_rate", "retained", style.EXTRA, "D")
        with_bars(ax, rows, places - 0.15, "forgotten_rate", "forgotten", style.USED, "o")
        ax.axvline(float(rows["p"][0]), color=style.INK, linestyle=style.DASHED, linewidth=1)
        losses = [f"({loss:.0%})" for loss in rows["utility_loss"]]
        names = [_shapes.title(name) if ax is axes[0] else "" for name in rows[_shapes.METHOD]]
        ax.set_yticks(places, [f"{n} {loss}" for n, loss in zip(names, losses, strict=True)])
        ax.invert_yaxis()
        ax.grid(visible=False, axis="y")
        ax.set_title(NAMES[victim])
        ax.set_xlim(-0.02, 0.8)
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.supxlabel(f"images claimed at p = {table['p'][0]:.0%}", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
