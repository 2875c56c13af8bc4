"""Images of 64 px: claims of single images, and of sets of one owner.

A diffusion model from scratch, in squares of 8 px, learns 200 images, 100 of them marked; 100 more
are marked and never shown to it. Each seed draws images, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED = [
    Expected({"epoch": 500, "size": 1, "p": 0.05}, "detection_rate", 0.1, 0.08),
    Expected({"epoch": 500, "size": 1, "p": 0.05}, "false_detection_rate", 0.06, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
