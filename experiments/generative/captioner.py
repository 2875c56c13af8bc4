"""Captioners by the loss of writing a caption: CoCa beside BLIP, both small and from scratch.

Of emoji and their captions, 200 are marked and trained on with 1,000 others, 200 more are marked
and never shown to the model. Dotted: emoji not used. CoCa is trained by a contrastive loss too,
BLIP by writing alone. Intervals are over seeds and images; the table has sets of one owner's too.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {"captioner": "CoCa", "blip": "BLIP"}

COCA, BLIP = ({"victim": name, "epoch": 30, "size": 1, "p": 0.05} for name in NAMES)

EXPECTED = [
    Expected(COCA, "detection_rate", 0.527, 0.12),
    Expected(COCA | {"size": 10, "p": 0.001}, "detection_rate", 0.946, 0.1),
    Expected(COCA, "false_detection_rate", 0.038, 0.04),
    Expected(BLIP, "detection_rate", 0.037, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return images_and_sets(runs, "victim")


def draw(table: pl.DataFrame) -> Figure:
    alone = table.filter((pl.col("size") == 1) & (pl.col("p") == 0.05))
    return plots.series(alone, "epoch", "epoch", "victim", NAMES)
