"""Images of 64 px: claims of single images, and of sets of one owner.

A diffusion model from scratch, in squares of 8 px, learns 200 images, 100 of them marked; 100 more
are marked and never shown to it. Each seed draws images, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
