"""Which timesteps carry the signal: the victims of `generative/ddpm` asked at one timestep each.

Two noises a timestep, claims at p = 5 %, after half of the training and at its end. Dotted: photos
not used. Intervals are over seeds and images.
"""

import polars as pl
from experiments.generative._seeds import over_epochs
from matplotlib.figure import Figure

from experiments import Expected, plots

SWEPT = "score.statistic.timesteps"
SHOWN = {500: "500 epochs", 250: "250 epochs"}

EXPECTED = [
    Expected({"epoch": 500, "timestep": 100}, "detection_rate", 0.947, 0.08),
    Expected({"epoch": 500, "timestep": 800}, "detection_rate", 0.067, 0.05),
    Expected({"epoch": 500, "timestep": 100}, "false_detection_rate", 0.08, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    table = over_epochs(runs, SWEPT)
    timestep = pl.col(SWEPT).str.strip_chars("[]").cast(pl.Int64)
    return table.select(timestep.alias("timestep"), pl.exclude(SWEPT)).sort("epoch", "timestep")


def draw(table: pl.DataFrame) -> Figure:
    kept = table.filter(pl.col("epoch").is_in(list(SHOWN))).sort("epoch", descending=True)
    return plots.series(kept, "timestep", "timestep, of 1,000", "epoch", SHOWN, log=True)
