"""What mirrored signs cost where the victim sees photos as they are.

Secret signs on blocks of eight pixels, mirrored or not, against victims without augmentation that
are asked with the version itself. Each seed has its own photos, secret and victim.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

MIRROR = "marking.strategy.mirror"

EXPECTED = [
    Expected({MIRROR: False, "p": 0.05}, "detection_rate", 0.924, 0.05),
    Expected({MIRROR: True, "p": 0.05}, "detection_rate", 0.895, 0.05),
    Expected({MIRROR: True, "p": 0.05}, "false_detection_rate", 0.041, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, MIRROR, False)


def draw(table: pl.DataFrame) -> Figure:
    names = {True: "mirrored", False: "as they are"}
    return plots.categories(table.filter(pl.col("p") == 0.05), MIRROR, names)
