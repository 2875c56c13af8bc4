"""Sets of one owner's photos, asked of diffusion models from scratch: claims against their size.

The runs of `generative/ddpm`: sets are drawn at random from the used and from the unused photos of
each run, 2,000 of each size. They overlap, so that intervals are over seeds only.
"""

import polars as pl
from experiments.generative._seeds import sets

from experiments import Expected

RUNS = ("generative/ddpm",)

EXPECTED = [
    Expected({"group": "used", "size": 10, "p": 0.001}, "claimed", 1.0, 0.05),
    Expected({"group": "unused", "size": 10, "p": 0.001}, "claimed", 0.002, 0.01),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    shown = table.filter(pl.col("p") <= 0.01).with_columns(pl.col("claimed").round(3))
    return shown.select("group", "size", "p", "seeds", "claimed", "claimed_least")
