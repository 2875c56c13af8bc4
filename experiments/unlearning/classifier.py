"""Unlearning methods at their defaults: forgotten, retained and unused images claimed.

Retained images should still be found, forgotten ones no more often than those never used, whose
rate is at most p whatever the model is. In brackets: accuracy on test images.
"""

import polars as pl
from experiments.unlearning import _shapes
from matplotlib.figure import Figure

RUNS = ("unlearning/strength",)  # of which `unlearning/classifier` is the part at strength 1


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return _shapes.collect(runs).filter(pl.col(_shapes.STRENGTH) == 1)


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.parts(table)
