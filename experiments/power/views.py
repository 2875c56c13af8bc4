"""Through which eight views an augmented victim is asked, on photos.

Mirrored signs on blocks of eight pixels, mean log-confidence of the true label: random views, views
spread on a grid, the views through which the raw photo is hardest, and half of each. Each seed has
its own photos, secret and victim; queries for the choice of the views are counted.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

VIEWS = "score/view_set"

EXPECTED = [
    Expected({VIEWS: "grid", "p": 0.05}, "detection_rate", 0.467, 0.07),
    Expected({VIEWS: "random", "p": 0.05}, "detection_rate", 0.427, 0.07),
    Expected({VIEWS: "grid", "p": 0.05}, "over", 0.039, 0.03),
    Expected({VIEWS: "grid", "p": 0.05}, "false_detection_rate", 0.055, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, VIEWS, "random")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), VIEWS)
