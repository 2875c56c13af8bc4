"""Views per version: averaging the score over K shifted and mirrored copies.

The victim learned shifted and mirrored images, so that no single copy is what it saw. K = 1 asks
the image itself; queries grow with K.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "score.views", "views per version, K", log=True)
