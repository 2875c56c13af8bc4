"""Marker network: through which eyes the directions of a mark are chosen.

Marks by the Jacobian of a network that was trained on other emoji, of the same one with random
weights, and of one trained on photographs; over three seeds, each with its own secret and training.
"""

import polars as pl
from experiments.ablation._paired import pooled
from matplotlib.figure import Figure

from experiments import Expected, plots

MARKER = "marking/marker"
NAMES = {
    "trained": "six convolutions, other emoji",
    "untrained": "the same, random weights",
    "efficientnet_lite0": "EfficientNet-Lite0, ImageNet",
}

EXPECTED = [
    Expected({MARKER: "trained"}, "detection_rate", 0.902, 0.06),
    Expected({MARKER: "untrained"}, "detection_rate", 0.904, 0.06),
    Expected({MARKER: "efficientnet_lite0"}, "detection_rate", 0.918, 0.06),
    Expected({MARKER: "efficientnet_lite0"}, "over_untrained", 0.013, 0.05),
    Expected({MARKER: "untrained"}, "false_detection_rate", 0.038, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(runs, [MARKER], ["untrained"])


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, MARKER, NAMES)
