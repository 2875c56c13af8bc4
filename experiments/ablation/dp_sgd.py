"""DP-SGD: the gradient of each image clipped, and noise on their sum.

By opacus, of a net with group norm. Epsilon is what the training guarantees at delta = 1e-5, for
adding or removing one image; clipping alone guarantees nothing.
"""

import polars as pl
from experiments.collect import rates
from matplotlib.figure import Figure

from experiments import Expected, plots

NOISE = "victim.noise_multiplier"

EXPECTED = [
    Expected({NOISE: 0.0}, "detection_rate", 0.987, 0.06),
    Expected({NOISE: 0.1}, "detection_rate", 0.92, 0.08),
    Expected({NOISE: 0.3}, "detection_rate", 0.44, 0.1),
    Expected({NOISE: 0.3}, "epsilon", 286.4, 0.1),
    Expected({NOISE: 1.0}, "detection_rate", 0.133, 0.08),
    Expected({NOISE: 1.0}, "epsilon", 16.89, 0.01),
    Expected({NOISE: 1.0}, "false_detection_rate", 0.067, 0.06),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return rates(runs).with_columns(runs.select("epsilon", "delta"))


def draw(table: pl.DataFrame) -> Figure:
    figure = plots.rates(table, NOISE, "noise multiplier; below, ε at δ = 1e-5", utility="accuracy")
    epsilon = pl.col("epsilon").round(0).cast(pl.Int64).cast(pl.String).fill_null("∞")
    labels = table.select(pl.format("{}\n{}", NOISE, epsilon)).to_series()
    figure.axes[-1].set_xticks(table[NOISE], labels)
    return figure
