"""Input purification: the model's maker cleans every image, in training and in use.

JPEG of quality 50, Gaussian blur of one pixel, Gaussian noise of ten grey levels, and halving the
size and back. The right-hand numbers of accuracy are in the table of results.
"""

import polars as pl
from experiments.collect import rates
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {
    "nothing": "as published",
    "jpeg": "JPEG, quality 50",
    "blur": "blur, 1 pixel",
    "noise": "noise, 10 of 255",
    "resize": "half size and back",
}

EXPECTED = [
    Expected({"victim/purify": "nothing"}, "detection_rate", 0.893, 0.08),
    Expected({"victim/purify": "jpeg"}, "detection_rate", 0.9, 0.08),
    Expected({"victim/purify": "blur"}, "detection_rate", 0.827, 0.08),
    Expected({"victim/purify": "noise"}, "detection_rate", 0.9, 0.08),
    Expected({"victim/purify": "resize"}, "detection_rate", 0.807, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return rates(runs).rename({"cleaning": "victim/purify"})


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "victim/purify", NAMES)
