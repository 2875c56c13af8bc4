"""Precision of an audit: float32, or bfloat16 at about twice the speed.

The same three victims and the same marks; scores are coarser in bfloat16, and ties fall to keys.
"""

import polars as pl
from experiments.ablation._paired import pooled
from matplotlib.figure import Figure

from experiments import plots

PRECISION = "audit.precision"


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(runs, [PRECISION], ["float32"])


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, PRECISION)
