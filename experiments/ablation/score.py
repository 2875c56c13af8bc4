"""Membership scores on one victim.

All see the confidence vector; entropy alone does not look at the label.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "score", {"modified_entropy": "modified entropy"})
