"""A diffusion model whose owner kept 100 marked photos back: both randomisations, and both joined.

Ranks among an image's hidden versions, ranks among the withheld photos, and Stouffer's sum of the
two; of single photos and of sets. Each seed draws photos, secret, split and training.
"""

import polars as pl
from experiments.generative import _seeds as over
from experiments.generative._seeds import LEVELS

from experiments import Expected

KINDS = {"versions": "versions", "controls": "withheld photos", "combined": "both"}

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    table = over.of_runs(runs, "evidence.csv").filter(pl.col("p").is_in(LEVELS))
    alone = over.images(table.join(over.facts(runs), on="seed"), "evidence", "epoch")
    return over.with_sets(alone, over.sets(runs, "evidence"), "evidence")


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return over.shown(table.with_columns(pl.col("evidence").replace(KINDS)), "evidence")
