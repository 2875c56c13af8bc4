"""Noise predicted given the class of a photo, or not: claims of single photos and of sets.

A diffusion model from scratch learns 200 photos, 100 of them marked; an image's class is the same
for all its versions. Each seed draws photos, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

GIVEN = "victim.conditional"

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs, GIVEN)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table, GIVEN)
