"""Unlearning an encoder: forgotten, retained and unused images claimed.

SimCLR, audited by its projector's output, by the methods that need neither labels nor logits, at
their defaults. In brackets: accuracy of a linear probe on test images.
"""

import polars as pl
from experiments.unlearning import _shapes, teachers
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"unlearning": "none"}, "forgotten_rate", 0.338, 0.1),
    Expected({"unlearning": "retrain"}, "forgotten_rate", 0.025, 0.06),
]
RUNS = ("unlearning/teachers",)  # of which `unlearning/encoder` is the part of SimCLR


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return teachers.collect(runs).filter(pl.col(teachers.VICTIM) == "simclr")


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.parts(table)
