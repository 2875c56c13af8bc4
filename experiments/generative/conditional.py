"""Noise predicted given the class of a photo: claims of single photos and of sets.

A diffusion model from scratch learns 200 photos, 100 of them marked; an image's class is the same
for all its versions. `generative/ddpm` is the same without classes. Each seed draws photos, secret
and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
