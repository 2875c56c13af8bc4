"""A small CLIP fine-tuned: which images are claimed as it learns a second style of drawing.

A model that was trained on one style of emoji (``clip/pretrain``, written to an open_clip file) is
fine-tuned on another, 200 of its images marked; 200 more are marked and never shown to it. Below:
how often the right one of 370 held-out captions (images) is the nearest; chance is 1 in 370.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"epoch": 1}, "detection_rate", 0.09, 0.08),
    Expected({"epoch": 15}, "detection_rate", 0.59, 0.1),
    Expected({"epoch": 15}, "false_detection_rate", 0.06, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs).filter(p=0.05)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "epoch", "epoch", utility="recall at 1, held-out pairs")
