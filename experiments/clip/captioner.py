"""A small CoCa: which images are claimed by how well it writes their captions.

200 of 1,200 emoji with captions are marked and trained on, 200 more are marked and never shown to
the model. Claims rest on the loss of writing an image's caption. Below: how often the right one of
600 held-out captions (images) is the nearest to an image (a caption); chance is 1 in 600.
"""

import polars as pl
from experiments.collect import curves
from matplotlib.figure import Figure

from experiments import Expected, plots

LAST = {"epoch": 30}
EXPECTED = [
    Expected(LAST, "detection_rate", 0.51, 0.08),
    Expected(LAST, "false_detection_rate", 0.065, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs).filter(p=0.05)


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "epoch", "epoch", utility="recall at 1, held-out pairs")
