"""The same diffusion models asked by gradients at the raw photos, whose cost does not grow with n.

The victims of `generative/ddpm`; ten backward passes a photo serve all its versions. Dotted: photos
not used. Intervals are over seeds and images.
"""

import polars as pl
from experiments.generative._seeds import over_epochs
from experiments.generative.ddpm import draw as draw_epochs
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"epoch": 500, "p": 0.05}, "detection_rate", 0.953, 0.07),
    Expected({"epoch": 500, "p": 0.05}, "false_detection_rate", 0.05, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return over_epochs(runs)


def draw(table: pl.DataFrame) -> Figure:
    return draw_epochs(table)
