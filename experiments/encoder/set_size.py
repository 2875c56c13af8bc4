"""Size of the training set: the same marked images among ever more others.

SimCLR tells the images of a batch apart. The more images it has to know in the same number of
epochs, the less it keeps of each one's mark.
"""

import polars as pl
from experiments.collect import rates
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("train_images")


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "train_images", "training images, 200 of them marked", log=True)
