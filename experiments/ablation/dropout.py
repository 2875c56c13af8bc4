"""Dropout: features left out at random in every training step.

Before the last layer of the six-convolution net; an audited model leaves out none.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"victim.net.dropout": 0.0}, "detection_rate", 0.887, 0.08),
    Expected({"victim.net.dropout": 0.5}, "detection_rate", 0.853, 0.08),
    Expected({"victim.net.dropout": 0.8}, "detection_rate", 0.367, 0.1),
    Expected({"victim.net.dropout": 0.8}, "false_detection_rate", 0.047, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    label = "features left out of a training step"
    return plots.rates(table, "victim.net.dropout", label, utility="accuracy")
