"""Which number the answers to a version become, against a victim trained with augmentation.

Mirrored signs on blocks of eight pixels, eight views on a grid: true label's log-confidence and its
logit (margin), the distance to the best other class (hinge), and entropies. Each seed has its own
photos, secret and victim.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"score": "loss", "p": 0.05}, "detection_rate", 0.467, 0.07),
    Expected({"score": "entropy", "p": 0.05}, "over", -0.006, 0.02),
    Expected({"score": "margin", "p": 0.05}, "over", -0.035, 0.03),
    Expected({"score": "loss", "p": 0.05}, "false_detection_rate", 0.055, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, "score", "loss")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "score")
