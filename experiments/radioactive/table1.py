"""Radioactive data, a linear probe: log10 p by the share of training images that are marked.

The first table of arXiv 2002.00937, on ten classes of photos: logistic regression on the marking
network's frozen features. A draw is a new secret, other marked images and another training. At 0 %
the same secrets are tested on models that saw no mark.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({USED: 0.0}, "claims", 0, 1),
    Expected({USED: 0.01}, "log10_p", -0.67, 0.8),
    Expected({USED: 0.05}, "log10_p", -6.2, 2.2),
    Expected({USED: 0.05}, "accuracy_lost", 0.0, 0.01),
    Expected({USED: 0.2}, "log10_p", -38.2, 8),
    Expected({USED: 0.2}, "accuracy_lost", 0.007, 0.008),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return against(table, USED, "training images that are marked")
