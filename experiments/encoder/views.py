"""Views: how many random crops of a version a score needs.

The score is the mean cosine of all pairs of crops, so its cost grows as their number.
"""

import polars as pl
from experiments.collect import rates
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"score.views": 2}, "detection_rate", 0.13, 0.06),
    Expected({"score.views": 16}, "detection_rate", 0.235, 0.08),
    Expected({"score.views": 64}, "detection_rate", 0.255, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("score.views")


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "score.views", "views per version", log=True)
