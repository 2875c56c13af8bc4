"""Marking strategies at equal PSNR, on photos, against victims with and without augmentation.

Secret signs on blocks of pixels, and directions of a marker network's feature space, the same
photos for all; over three seeds, each with its own secret and training.
"""

import polars as pl
from experiments.ablation._paired import pooled
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = (
    "ablation/scheme",
    "ablation/scheme_augmented",
    "ablation/block_photos",
    "ablation/block_augmented",
)
STRATEGY, BLOCK = "marking/strategy", "marking.strategy.block"
VICTIMS = {"nothing": "plain", "crop_flip": "augmented"}
MARKS = {
    ("sign", 8): "sign",
    ("sign", 2): "fine sign",
    ("feature", None): "feature",
    ("jacobian", 4): "jacobian",
    ("jacobian", 1): "fine jacobian",
    ("maxmin", None): "maxmin",
}
"""Strategy and block, and what they are called; defaults have the plain name."""

EXPECTED = [
    Expected({"victim": "plain", "marks": "sign"}, "detection_rate", 0.941, 0.04),
    Expected({"victim": "plain", "marks": "feature"}, "detection_rate", 0.973, 0.04),
    Expected({"victim": "augmented", "marks": "sign"}, "detection_rate", 0.387, 0.08),
    Expected({"victim": "augmented", "marks": "sign"}, "false_detection_rate", 0.057, 0.04),
    Expected({"victim": "augmented", "marks": "feature"}, "detection_rate", 0.27, 0.08),
    Expected({"victim": "augmented", "marks": "jacobian"}, "detection_rate", 0.366, 0.08),
    Expected({"victim": "augmented", "marks": "maxmin"}, "detection_rate", 0.252, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    keys = zip(runs[STRATEGY], runs[BLOCK], strict=True)
    named = runs.with_columns(marks=pl.Series([MARKS.get(key) for key in keys]))
    compared = with_victims(named.filter(pl.col("marks").is_not_null()))
    return pooled(compared, ["victim", "marks"], ["sign", "feature"])


def with_victims(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs, and whether their victim saw augmented photos."""
    augment = pl.col("victim/augment").fill_null("nothing").replace_strict(VICTIMS)
    return runs.with_columns(victim=augment)


def draw(table: pl.DataFrame) -> Figure:
    both = pl.concat_str("marks", pl.lit(", "), "victim").alias("both")
    return plots.categories(table.with_columns(both), "both")
