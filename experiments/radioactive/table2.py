"""Radioactive data, training from scratch: log10 p by the share of images that are marked.

The second table of arXiv 2002.00937, on ten classes of photos: the tested network's features are
aligned with the marker's on test images. Ten classes give the test little to add up, and a short
training on few images takes up little of the marks.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

WINDOW = "marking/window"
NAMES = {("centre",): "marks for the centre", ("random_crop",): "marks for crops"}

EXPECTED = [
    Expected({WINDOW: "centre", USED: 0.0}, "claims", 0, 1),
    Expected({WINDOW: "centre", USED: 0.1}, "log10_p", -1.4, 1),
    Expected({WINDOW: "centre", USED: 0.2}, "log10_p", -3.76, 2),
    Expected({WINDOW: "centre", USED: 0.2}, "accuracy_lost", 0.013, 0.02),
    Expected({WINDOW: "random_crop", USED: 0.2}, "log10_p", -0.66, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return against(table, USED, "training images that are marked", [WINDOW], NAMES)
