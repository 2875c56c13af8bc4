"""A diffusion model of 1,000 photos: claims of single photos, and of sets of one owner.

100 of the 1,000 photos are marked; 100 more are marked and never shown to the model. Each seed
draws photos, secret and training. Sets are drawn at random, 2,000 of each size.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED = [
    Expected({"size": 20, "p": 0.01}, "detection_rate", 0.905, 0.15),
    Expected({"size": 50, "p": 0.001}, "detection_rate", 0.998, 0.05),
    Expected({"size": 1, "p": 0.05}, "detection_rate", 0.223, 0.08),
    Expected({"size": 1, "p": 0.05}, "false_detection_rate", 0.037, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
