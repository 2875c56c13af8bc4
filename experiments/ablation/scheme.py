"""Marking strategies at equal PSNR, on photos, against victims with and without augmentation.

Secret signs on blocks of pixels, and directions of a marker network's feature space, the same
photos for all; over three seeds, each with its own secret and training.
"""

import polars as pl
from experiments.ablation._paired import pooled
from matplotlib.figure import Figure

from experiments import plots

RUNS = ("ablation/scheme", "ablation/scheme_augmented")
STRATEGY = "marking/strategy"
VICTIMS = {"nothing": "plain", "crop_flip": "augmented"}


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(with_victims(runs), ["victim", STRATEGY], ["sign", "feature"])


def with_victims(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs, and whether their victim saw augmented photos."""
    augment = pl.col("victim/augment").fill_null("nothing").replace_strict(VICTIMS)
    return runs.with_columns(victim=augment)


def draw(table: pl.DataFrame) -> Figure:
    both = pl.concat_str(STRATEGY, pl.lit(", "), "victim").alias("both")
    return plots.categories(table.with_columns(both), "both")
