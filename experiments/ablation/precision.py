"""Precision of an audit: float32, or bfloat16 at about twice the speed.

The same three victims and the same marks; scores are coarser in bfloat16, and ties fall to keys.
"""

import polars as pl
from experiments.ablation._paired import pooled
from matplotlib.figure import Figure

from experiments import Expected, plots

PRECISION = "audit.precision"
EXPECTED = [
    Expected({PRECISION: "float32"}, "detection_rate", 0.896, 0.06),
    Expected({PRECISION: "bfloat16"}, "detection_rate", 0.893, 0.06),
    Expected({PRECISION: "bfloat16"}, "over_float32", 0.0, 0.02),
    Expected({PRECISION: "bfloat16"}, "false_detection_rate", 0.051, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(runs, [PRECISION], ["float32"])


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, PRECISION)
