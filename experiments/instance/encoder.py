"""SimCLR encoder: the papers' test and ours on one reading.

220 emoji of which 200 marked, asked for what the projector makes of 16 views; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import compared


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy of a linear probe")
