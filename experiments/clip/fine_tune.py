"""A small CLIP fine-tuned: which images are claimed as it learns a second style of drawing.

A model that was trained on one style of emoji (``clip/pretrain``, written to an open_clip file) is
fine-tuned on another, 200 of its images marked; 200 more are marked and never shown to it. Below:
how often the right one of 380 held-out captions (images) is the nearest; chance is 1 in 380.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs).filter(p=0.05)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "epoch", "epoch", utility="recall at 1, held-out pairs")
