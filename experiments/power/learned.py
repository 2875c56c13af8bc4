"""A score learned on four other models, beside the mean log-confidence, on photos.

Eight views of each version, half of them spread over the shifts, half the hardest for the raw
photo; photographic edits under coloured light. Each seed has its own photos, secret and victim, and
none of those that the score was learned on.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"score": "learned", "p": 0.05}, "detection_rate", 0.581, 0.06),
    Expected({"score": "loss", "p": 0.05}, "detection_rate", 0.555, 0.06),
    Expected({"score": "learned", "p": 0.05}, "false_detection_rate", 0.052, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, "score", "loss")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "score")
