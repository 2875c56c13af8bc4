"""Radioactive data, training from scratch: log10 p by the share of images that are marked.

The second table of arXiv 2002.00937, on ten classes of photos: the tested network's features are
aligned with the marker's on test images. Ten classes give the test little to add up, and a short
training on few images takes up little of the marks.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({USED: 0.0}, "claims", 0, 1),
    Expected({USED: 0.2}, "log10_p", -0.46, 1),
    Expected({USED: 0.2}, "accuracy_lost", 0.02, 0.02),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return against(table, USED, "training images that are marked")
