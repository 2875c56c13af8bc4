"""Noise on the answers: Gaussian noise that the provider adds to every confidence.

The noise follows from the image, so that asking again tells no more. What it costs is the share of
test images whose label it changes.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    label = "standard deviation of the noise of a confidence"
    return plots.rates(table, "victim.answer_noise", label, utility="accuracy")
