"""The demo: which images are claimed, as the model learns them by heart.

200 of 1,200 embedded emoji are marked and trained on, 200 more are marked and never shown to the
model. The rate of the first grows as the training loss falls; that of the second stays at p,
whatever the model learns.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = ("demo",)
EXPECTED = [
    Expected({"epoch": 60}, "detection_rate", 0.81, 0.06),
    Expected({"epoch": 60}, "false_detection_rate", 0.04, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs).filter(p=0.05)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "epoch", "epoch", utility="accuracy on other images")
