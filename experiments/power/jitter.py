"""Marks at equal SSIM against a victim that learns photos in changed colours too.

As `power/marks`, but each time it sees a photo the victim also changes its brightness, contrast and
saturation, by factors of up to 1 -+ 0.3. Asked through shifts and mirror images alone.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

STRATEGY = "marking/strategy"

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_seeds(runs, STRATEGY, "mirrored")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), STRATEGY)
