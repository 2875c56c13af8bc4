"""Marks at equal SSIM, on photos, against a victim trained with crops and mirror images.

Secret signs on blocks of eight pixels, mirrored or not; coloured light; photographic edits; edits
under coloured light. Each seed has its own photos, secret and victim; eight views on a grid, mean
log-confidence of the true label.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = ("power/mirror", "power/marks", "power/edits")
STRATEGY, MIRROR = "marking/strategy", "marking.strategy.mirror"
REFERENCE = "mirrored signs"
NAMES = {"smooth": "light", "edit": "edits", "smooth_edit": "edits and light"}

EXPECTED = [
    Expected({"marks": "edits and light", "p": 0.05}, "detection_rate", 0.524, 0.07),
    Expected({"marks": REFERENCE, "p": 0.05}, "detection_rate", 0.467, 0.07),
    Expected({"marks": "signs", "p": 0.05}, "detection_rate", 0.416, 0.07),
    Expected({"marks": REFERENCE, "p": 0.05}, "false_detection_rate", 0.055, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    mirrored = pl.col(MIRROR).cast(pl.Boolean).fill_null(False)
    signs = pl.when(mirrored).then(pl.lit(REFERENCE)).otherwise(pl.lit("signs"))
    named = pl.col(STRATEGY).replace_strict(NAMES, default=None)
    return over_seeds(runs.with_columns(marks=named.fill_null(signs)), "marks", REFERENCE)


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "marks")
