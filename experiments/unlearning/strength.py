"""Unlearning a classifier: what is still found, against what it cost in accuracy.

Every method at three strengths on three classifiers that are asked to forget 200 of the images they
learned by heart; intervals are pooled by cluster. A method that erases reaches the height of the
retrained model at little loss. Hollow points: collapsed to half the accuracy or less, or diverged;
losses end at 50 %. The headline of arXiv 2503.22413: two approximate methods leave images to be
found even at a loss of 10 %.
"""

import polars as pl
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"unlearning": "none"}, "forgotten_rate", 0.868, 0.05),
    Expected({"unlearning": "retrain"}, "forgotten_rate", 0.06, 0.05),
]


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.curves(table, "accuracy")
