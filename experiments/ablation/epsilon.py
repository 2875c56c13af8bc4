"""Strength of the marks: power against epsilon.

Largest change of a pixel in grey levels of 255. Each strength is a model of its own.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.epsilon", "largest change of a pixel, of 255")
