"""Grain of the marks: side of the blocks that a mark changes alike.

Coarse blocks survive shrinking and compression, and are easier to see.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.strategy.block", "side of a block in pixels", log=True)
