"""CLIP: the papers' test and ours on one reading.

1,200 emoji with captions, of which 200 marked; a small model from scratch; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import compared


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "recall at 1")
