"""Membership scores on one victim.

All see the confidence vector; entropy alone does not look at the label.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"score": "margin"}, "detection_rate", 0.887, 0.08),
    Expected({"score": "entropy"}, "detection_rate", 0.887, 0.08),
    Expected({"score": "entropy"}, "false_detection_rate", 0.093, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "score", {"modified_entropy": "modified entropy"})
