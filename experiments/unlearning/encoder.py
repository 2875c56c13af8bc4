"""Unlearning an encoder: forgotten, retained and unused images claimed.

SimCLR, audited by its projector's output, by the methods that need neither labels nor logits, at
their defaults. In brackets: accuracy of a linear probe on test images.
"""

import polars as pl
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"unlearning": "none"}, "forgotten_rate", 0.331, 0.1),
    Expected({"unlearning": "retrain"}, "forgotten_rate", 0.069, 0.07),
]


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.parts(table)
