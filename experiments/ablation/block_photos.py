"""Grain of the marks on photos, against victims with and without augmentation.

Side of the blocks that a mark changes alike: of secret signs, and of directions of a marker
network's feature space. Over three seeds, each with its own secret and training.
"""

import polars as pl
from experiments.ablation._paired import pooled
from experiments.ablation.scheme import STRATEGY, with_victims
from matplotlib.figure import Figure

from experiments import plots

RUNS = ("ablation/block_photos", "ablation/block_augmented")
BLOCK = "marking.strategy.block"


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(with_victims(runs), ["victim", STRATEGY, BLOCK], [2])


def draw(table: pl.DataFrame) -> Figure:
    both = pl.concat_str(STRATEGY, pl.lit(", "), "victim").alias("both")
    return plots.series(
        table.with_columns(both), BLOCK, "side of a block in pixels", "both", log=True
    )
