"""Two randomisations against SimCLR, on photos: single ones, and sets of one owner.

Ranks among hidden versions by the mean cosine of the views; a likelihood ratio of the same under
four reference encoders, ranked among withheld photos; and Stouffer's sum of the two. Each seed has
its own photos, secret, split and encoder.
"""

import polars as pl
from experiments.generative import _seeds as over

from experiments import Expected

KINDS = {"versions": "versions", "controls": "withheld photos", "combined": "both"}

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over.by_evidence(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return over.shown(table.with_columns(pl.col("evidence").replace(KINDS)), "evidence")
