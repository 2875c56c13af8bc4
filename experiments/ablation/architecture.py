"""Architecture: the marks know nothing of the victim's network.

All are trained from scratch by the same recipe, which was chosen for the first of them.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {"small": "six convolutions", "resnet9": "ResNet-9", "mobilenet": "MobileNetV3"}

EXPECTED = [
    Expected({"victim/net": "small"}, "detection_rate", 0.893, 0.08),
    Expected({"victim/net": "resnet9"}, "detection_rate", 0.933, 0.08),
    Expected({"victim/net": "mobilenet"}, "detection_rate", 0.073, 0.08),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "victim/net", NAMES)
