"""A diffusion model that knows other photos, fine-tuned: which are claimed as it learns them.

The model was trained on 1,000 photos that nobody marked. Of the 200 that it is fine-tuned on, 100
are marked; 100 more are marked and never shown to it. Each seed draws photos, secret and training.
Dotted: photos not used. Intervals are over seeds and images. The table has sets of one owner's
photos too, and the samples' copies of training photos.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets
from experiments.generative.ddpm import draw as draw_epochs
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"epoch": 200, "size": 1, "p": 0.05}, "detection_rate", 0.973, 0.05),
    Expected({"epoch": 200, "size": 1, "p": 0.01}, "detection_rate", 0.8, 0.1),
    Expected({"epoch": 200, "size": 10, "p": 0.001}, "detection_rate", 1.0, 0.05),
    Expected({"epoch": 200, "size": 1, "p": 0.05}, "false_detection_rate", 0.033, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs)


def draw(table: pl.DataFrame) -> Figure:
    return draw_epochs(table.filter(size=1))
