"""Radioactive data, whose images are marked: the same share of each class, or of all images.

A linear probe on drawings with 99 classes. Where the whole set is marked without regard to classes,
small classes may have no marked image, and add nothing but noise.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

BALANCED = "marking.balanced"
NAMES = {(True,): "a share of each class", (False,): "a share of all images"}

EXPECTED = [
    Expected({BALANCED: True, USED: 0.0}, "claims", 0, 1),
    Expected({BALANCED: True, USED: 0.1}, "log10_p", -4.3, 2),
    Expected({BALANCED: False, USED: 0.1}, "log10_p", -2.9, 2),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return against(table, USED, "training images that are marked", [BALANCED], NAMES)
