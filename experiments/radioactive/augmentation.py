"""Radioactive data with and without shifts.

Marks are made for random crops or for the centre, and the network is trained with shifts of up to
4 pixels or with none; a fifth of the photos are marked, training is from scratch.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

from experiments import Expected

COLUMNS = ["marking/window", "victim.augment.pad"]
NAMES = {
    ("random_crop", 0): "made for crops, no shifts",
    ("random_crop", 4): "made for crops, shifts",
    ("centre", 0): "made for the centre, no shifts",
    ("centre", 4): "made for the centre, shifts",
}

EXPECTED = [
    Expected({"marking/window": "centre", "victim.augment.pad": 0}, "log10_p", -3.76, 2),
    Expected({"marking/window": "centre", "victim.augment.pad": 4}, "log10_p", -2.81, 2),
    Expected({"marking/window": "random_crop", "victim.augment.pad": 0}, "log10_p", -0.66, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
