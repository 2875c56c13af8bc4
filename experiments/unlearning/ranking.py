"""Unlearning methods ranked by what is still found within a loss of accuracy.

The least detection rate of forgotten images, of the strengths in `unlearning/strength`, at a
relative loss of accuracy of at most 1, 5 and 10 %, with its 95 % interval; and the cost, as a
share of retraining's, of the point in the last column.
"""

import polars as pl
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect

RUNS = ("unlearning/strength",)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return _shapes.ranking(table)
