"""Label noise: training images, marked ones among them, under a wrong label.

The margin asks whether the model prefers the published version for the owner's label; entropy asks
whether it is surer of it, whatever it calls it. Dotted: images that were not used.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {"margin": "margin to the owner's label", "entropy": "entropy, no label"}

EXPECTED = [
    Expected({"victim.label_noise": 0.0, "score": "margin"}, "detection_rate", 0.887, 0.08),
    Expected({"victim.label_noise": 0.6, "score": "margin"}, "detection_rate", 0.367, 0.1),
    Expected({"victim.label_noise": 0.9, "score": "margin"}, "detection_rate", 0.093, 0.08),
    Expected({"victim.label_noise": 0.3, "score": "entropy"}, "detection_rate", 0.947, 0.06),
    Expected({"victim.label_noise": 0.9, "score": "entropy"}, "detection_rate", 1.0, 0.05),
    Expected({"victim.label_noise": 0.9, "score": "entropy"}, "false_detection_rate", 0.04, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    label = "training images with a wrong label"
    return plots.series(table, "victim.label_noise", label, "score", NAMES)
