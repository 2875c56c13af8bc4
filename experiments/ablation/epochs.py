"""Memorisation: one model, audited as it learns.

Stopping early is the first thing that a model's maker can do: the curve says what it costs in
accuracy and what it hides.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"epoch": 2}, "detection_rate", 0.04, 0.08),
    Expected({"epoch": 6}, "detection_rate", 0.607, 0.08),
    Expected({"epoch": 16}, "detection_rate", 0.9, 0.08),
    Expected({"epoch": 60}, "detection_rate", 0.907, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(
        table, "epoch", "epochs of training", log=True, utility="accuracy on other images"
    )
