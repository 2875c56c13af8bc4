"""Architecture: the marks know nothing of the victim's network.

All are trained from scratch by the same recipe, which was chosen for the first of them.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots

NAMES = {"small": "six convolutions", "resnet9": "ResNet-9", "mobilenet": "MobileNetV3"}


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "victim/net", NAMES)
