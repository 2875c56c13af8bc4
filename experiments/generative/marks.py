"""Latent diffusion through a VAE that others trained: marks through its encoder, and plain signs.

The VAE knows 1,000 photos that nobody marked, and stays as it is. 200 photos, 100 of them marked:
by mirrored signs, which know nothing of the VAE, or pushed along secret directions of its latents,
version by version or by a sketch of its Jacobian. 100 more are marked and never shown to the model.
Each seed draws photos, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

MARKS = "marking/strategy"

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs, MARKS)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table, MARKS)
