"""Marks at equal SSIM against a victim that learns photos in changed colours too.

As `power/marks`, but each time it sees a photo the victim also changes its brightness, contrast and
saturation, by factors of up to 1 -+ 0.3. Asked through shifts and mirror images alone.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

STRATEGY = "marking/strategy"

EXPECTED = [
    Expected({STRATEGY: "smooth", "p": 0.05}, "detection_rate", 0.459, 0.08),
    Expected({STRATEGY: "mirrored", "p": 0.05}, "detection_rate", 0.391, 0.08),
    Expected({STRATEGY: "smooth", "p": 0.05}, "over", 0.069, 0.04),
    Expected({STRATEGY: "mirrored", "p": 0.05}, "false_detection_rate", 0.051, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, STRATEGY, "mirrored")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), STRATEGY)
