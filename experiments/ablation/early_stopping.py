"""Early stopping: training ends when held-out images are no longer learned better.

By Lightning's EarlyStopping on the loss of the test images, for several patiences; the model is
audited as it is at its last epoch. Accuracy is of the images that decide when to stop.
"""

import polars as pl
from experiments.collect import rates
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"victim.patience": 1}, "detection_rate", 0.867, 0.08),
    Expected({"victim.patience": 1}, "false_detection_rate", 0.04, 0.05),
    Expected({"victim.patience": 1}, "last_epoch", 11, 3),
    Expected({"victim.patience": 4}, "detection_rate", 0.88, 0.08),
    Expected({"victim.patience": None}, "detection_rate", 0.887, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    last = pl.col("stopped").fill_null(pl.col("victim.epochs")).alias("last_epoch")
    return rates(runs).with_columns(runs.select(last, "held_out_loss"))


def draw(table: pl.DataFrame) -> Figure:
    patience = pl.format("patience {}", "victim.patience").fill_null("no stop")
    named = pl.format("{}: {} epochs", patience, pl.col("last_epoch").cast(pl.Int64))
    return plots.categories(table.with_columns(named.alias("stop")), "stop")
