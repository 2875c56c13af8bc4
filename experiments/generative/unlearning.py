"""Unlearning a diffusion model: forgotten, retained and unused photos claimed.

Of 200 photos 100 are marked, and 50 of these are to be forgotten; methods at their defaults. In
brackets: share of the noise that is explained in held-out photos.
"""

import polars as pl
from experiments.unlearning import _shapes
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"unlearning": "none"}, "forgotten_rate", 0.987, 0.05),
    Expected({"unlearning": "retrain"}, "forgotten_rate", 0.073, 0.06),
    Expected({"unlearning": "retrain"}, "retained_rate", 1.0, 0.05),
    Expected({"unlearning": "finetune"}, "forgotten_rate", 0.993, 0.05),
    Expected({"unlearning": "neggrad_plus"}, "forgotten_rate", 0.993, 0.05),
    Expected({"unlearning": "gradient_ascent"}, "forgotten_rate", 0.987, 0.05),
    Expected({"unlearning": "esd"}, "forgotten_rate", 0.367, 0.35),
    Expected({"unlearning": "esd"}, "retained_rate", 0.353, 0.15),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return _shapes.collect(runs)


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.parts(table)
