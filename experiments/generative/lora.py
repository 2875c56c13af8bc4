"""A text-to-image pipeline fine-tuned by low-rank adapters: claims of emoji and of sets.

The pipeline has random weights, made of configs alone: it shows that every line runs, not what
Stable Diffusion would give away. 200 emoji with captions, 100 of them marked; 100 more are marked
and never shown to it. Each seed draws emoji, secret and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
