"""Views per version: averaging the score over K shifted and mirrored copies.

The victim learned shifted and mirrored images, so that no single copy is what it saw. K = 1 asks
the image itself; queries grow with K.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"score.views": 1}, "detection_rate", 0.16, 0.08),
    Expected({"score.views": 1}, "false_detection_rate", 0.067, 0.05),
    Expected({"score.views": 8}, "detection_rate", 0.273, 0.08),
    Expected({"score.views": 8}, "false_detection_rate", 0.073, 0.05),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "score.views", "views per version, K", log=True)
