"""Size of the training set: 150 marked images among more and more others.

The same number of passes over a larger set is more steps, and more that the model must remember.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "train_images", "images in training", log=True, utility="accuracy")
