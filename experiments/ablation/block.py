"""Grain of the marks: side of the blocks that a mark changes alike.

Coarse blocks survive shrinking and compression, and are easier to see.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"marking.strategy.block": 1}, "detection_rate", 0.893, 0.08),
    Expected({"marking.strategy.block": 8}, "detection_rate", 0.88, 0.08),
    Expected({"marking.strategy.block": 8}, "false_detection_rate", 0.047, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.strategy.block", "side of a block in pixels", log=True)
