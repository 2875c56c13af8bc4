"""Radioactive data with and without shifts.

Marks are made for random crops or for the centre, and the network is trained with shifts of up to
4 pixels or with none; a fifth of the photos are marked, training is from scratch.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

COLUMNS = ["marking/window", "victim.augment.pad"]
NAMES = {
    ("random_crop", 0): "made for crops, no shifts",
    ("random_crop", 4): "made for crops, shifts",
    ("centre", 0): "made for the centre, no shifts",
    ("centre", 4): "made for the centre, shifts",
}

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
