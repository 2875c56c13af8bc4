"""Unlearning a diffusion model: forgotten, retained and unused photos claimed.

Of 200 photos 100 are marked, and 50 of these are to be forgotten; methods at their defaults. In
brackets: share of the noise that is explained in held-out photos.
"""

import polars as pl
from experiments.unlearning import _shapes
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return _shapes.collect(runs)


def draw(table: pl.DataFrame) -> Figure:
    return _shapes.parts(table)
