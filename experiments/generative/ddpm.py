"""A diffusion model from scratch: which photos are claimed as it learns them.

Each seed draws 300 photos, secret and training: 100 photos are marked and trained on with
100 others, 100 are marked and never shown to the model. Dotted: photos not used. Intervals are over
seeds and images. The table has the samples' copies of training photos too.
"""

import polars as pl
from experiments.generative._seeds import over_epochs
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"epoch": 500, "p": 0.05}, "detection_rate", 0.987, 0.05),
    Expected({"epoch": 500, "p": 0.01}, "detection_rate", 0.897, 0.1),
    Expected({"epoch": 500, "p": 0.05}, "false_detection_rate", 0.05, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_epochs(runs)


def draw(table: pl.DataFrame) -> Figure:
    return plots.series(table, "epoch", "epoch", "p", {0.05: "p = 5 %", 0.01: "p = 1 %"})
