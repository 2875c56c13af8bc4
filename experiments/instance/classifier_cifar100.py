"""Classifier of many classes: the papers' test and ours on one reading.

99 subcategories of emoji for CIFAR-100's hundred classes; 1,200 images of which 200 marked;
n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import compared


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
