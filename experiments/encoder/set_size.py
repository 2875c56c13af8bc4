"""Size of the training set: the same marked images among ever more others.

The same number of epochs over a larger set is more steps, more images to tell apart in a batch, and
more to remember.
"""

import polars as pl
from experiments.collect import rates
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"data.train": 420}, "detection_rate", 0.22, 0.1),
    Expected({"data.train": 900}, "detection_rate", 0.21, 0.1),
    Expected({"data.train": 900}, "false_detection_rate", 0.045, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("train_images")


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "train_images", "training images, 200 of them marked", log=True)
