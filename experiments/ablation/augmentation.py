"""Training augmentation: shifts by up to so many pixels.

A victim that sees shifted copies no longer learns the published pixels as they are. It is asked
with the image itself, K = 1; `ablation/k` shows what more views give back.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "victim.augment.pad", "largest shift in pixels", utility="accuracy")
