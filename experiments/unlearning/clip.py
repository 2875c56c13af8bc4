"""Unlearning a small CLIP: what is still found, against what it cost in recall.

As `unlearning/strength`, on an image-text model that is asked to forget 80 pairs; utility is the
recall of pairs among 500 held-out ones, and an image is audited by its cosine with its caption.
Losses below zero are gains.
"""

import polars as pl
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"unlearning": "none"}, "forgotten_rate", 0.767, 0.23),
    Expected({"unlearning": "retrain"}, "forgotten_rate", 0.054, 0.065),
]


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.curves(table, "recall")
