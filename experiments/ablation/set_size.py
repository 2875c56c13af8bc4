"""Size of the training set: 150 marked images among more and more others.

The same number of passes over a larger set is more steps, and more that the model must remember.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"data.train": 400}, "detection_rate", 0.947, 0.08),
    Expected({"data.train": 1700}, "detection_rate", 0.673, 0.08),
    Expected({"data.train": 1700}, "false_detection_rate", 0.033, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "train_images", "images in training", log=True, utility="accuracy")
