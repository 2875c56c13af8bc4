"""Noise on the answers: Gaussian noise that the provider adds to every confidence.

The noise follows from the image, so that asking again tells no more. What it costs is the share of
test images whose label it changes.
"""

import polars as pl
from experiments.collect import rates
from matplotlib.figure import Figure

from experiments import Expected, plots

NOISE = "victim.answer_noise"
EXPECTED = [
    Expected({NOISE: 0.0}, "detection_rate", 0.887, 0.08),
    Expected({NOISE: 0.001}, "detection_rate", 0.72, 0.1),
    Expected({NOISE: 0.01}, "detection_rate", 0.26, 0.1),
    Expected({NOISE: 0.3}, "detection_rate", 0.067, 0.06),
    Expected({NOISE: 0.01}, "false_detection_rate", 0.027, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return rates(runs).rename({"defence.noise.sd": NOISE})


def draw(table: pl.DataFrame) -> Figure:
    label = "standard deviation of the noise of a confidence"
    figure = plots.rates(table, NOISE, label, utility="accuracy")
    for ax in figure.axes:
        ax.set_xscale("symlog", linthresh=0.001)
    figure.axes[-1].set_xticks(table[NOISE].to_list(), table[NOISE].cast(str).to_list())
    return figure
