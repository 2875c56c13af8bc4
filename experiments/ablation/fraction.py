"""Owners and fraction marked: how many images of the training set are marked.

Every marked image belongs to an owner of its own, who audits alone. More marked images change what
the model learns, and must not change the rate of false claims.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"marking.used": 50}, "detection_rate", 0.92, 0.08),
    Expected({"marking.used": 400}, "detection_rate", 0.858, 0.08),
    Expected({"marking.used": 400}, "false_detection_rate", 0.053, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "used", "marked images in training", log=True, utility="accuracy")
