"""A VAE and a diffusion model of its latents, from scratch: claims of photos and of sets.

200 photos, 100 of them marked by signs on blocks of pixels, which know nothing of the VAE; 100 more
are marked and never shown to the model. Each seed draws photos, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED = [
    Expected({"epoch": 500, "size": 1, "p": 0.01}, "detection_rate", 1.0, 0.08),
    Expected({"epoch": 250, "size": 1, "p": 0.05}, "detection_rate", 0.65, 0.2),
    Expected({"epoch": 500, "size": 1, "p": 0.05}, "false_detection_rate", 0.09, 0.07),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
