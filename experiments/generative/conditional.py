"""Noise predicted given the class of a photo: claims of single photos and of sets.

A diffusion model from scratch learns 200 photos, 100 of them marked; an image's class is the same
for all its versions. `generative/ddpm` is the same without classes. Each seed draws photos, secret
and training.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets, shown

from experiments import Expected

EXPECTED = [
    Expected({"size": 1, "p": 0.01}, "detection_rate", 0.987, 0.08),
    Expected({"size": 5, "p": 0.001}, "detection_rate", 1.0, 0.05),
    Expected({"size": 1, "p": 0.05}, "false_detection_rate", 0.063, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return shown(table)
