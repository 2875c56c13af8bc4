"""Strength of the marks: power against epsilon.

Largest change of a pixel in grey levels of 255. Each strength is a model of its own.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"marking.epsilon": 2}, "detection_rate", 0.567, 0.08),
    Expected({"marking.epsilon": 4}, "detection_rate", 0.787, 0.08),
    Expected({"marking.epsilon": 10}, "detection_rate", 0.893, 0.08),
    Expected({"marking.epsilon": 16}, "detection_rate", 0.96, 0.08),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.epsilon", "largest change of a pixel, of 255")
