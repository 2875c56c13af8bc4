"""Radioactive data, whose images are marked: the same share of each class, or of all images.

A linear probe on drawings with 99 classes. Where the whole set is marked without regard to classes,
small classes may have no marked image, and add nothing but noise.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

BALANCED = "marking.balanced"
NAMES = {(True,): "a share of each class", (False,): "a share of all images"}

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return against(table, USED, "training images that are marked", [BALANCED], NAMES)
