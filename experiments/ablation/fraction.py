"""Owners and fraction marked: how many images of the training set are marked.

Every marked image belongs to an owner of its own, who audits alone. More marked images change what
the model learns, and must not change the rate of false claims.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "used", "marked images in training", log=True, utility="accuracy")
