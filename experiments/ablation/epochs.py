"""Memorisation: one model, audited as it learns.

Stopping early is the first thing that a model's maker can do: the curve says what it costs in
accuracy and what it hides.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import plots


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(
        table, "epoch", "epochs of training", log=True, utility="accuracy on other images"
    )
