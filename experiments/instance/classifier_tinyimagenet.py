"""Classifier of images of 64 pixels: the papers' test and ours on one reading.

CIFAR-10 photos enlarged for TinyImageNet's; 1,200 of which 200 marked; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import compared


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
