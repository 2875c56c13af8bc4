"""Versions per image: what more hidden versions buy.

With n versions and p = 5 %, a claim needs the published one among the first n p. Each n is another
draw of marks and a model of its own.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"marking.n": 20}, "detection_rate", 0.907, 0.08),
    Expected({"marking.n": 20}, "false_detection_rate", 0.047, 0.05),
    Expected({"marking.n": 500}, "detection_rate", 0.9, 0.08),
    Expected({"marking.n": 500}, "false_detection_rate", 0.06, 0.05),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "marking.n", "versions per image, n", log=True)
