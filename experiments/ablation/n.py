"""Versions per image: what more hidden versions buy.

With n versions and p = 5 %, a claim needs the published one among the first n p. Power grows fast
up to a few dozen versions and little after that; each n is another draw of marks and a model of its
own.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.n", "versions per image, n", log=True)
