"""Latent diffusion through a VAE that others trained: marks through its encoder, and plain signs.

The VAE knows 1,000 photos that nobody marked, and stays as it is. 200 photos, 100 of them marked:
by mirrored signs, which know nothing of the VAE, or pushed along secret directions of its latents,
each version by a gradient of its own. 100 more are marked and never shown to the model.
Each seed draws photos, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

MARKS = "marking/strategy"

PHOTOS = {"size": 1, "p": 0.01}

EXPECTED = [
    Expected({MARKS: "feature", **PHOTOS}, "detection_rate", 1.0, 0.05),
    Expected({MARKS: "mirrored", **PHOTOS}, "detection_rate", 0.9, 0.1),
    Expected({MARKS: "mirrored", "size": 5, "p": 1e-6}, "detection_rate", 0.967, 0.1),
    Expected({MARKS: "feature", "size": 1, "p": 0.05}, "false_detection_rate", 0.063, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs, MARKS)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table, MARKS)
