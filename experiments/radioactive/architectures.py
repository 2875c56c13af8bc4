"""Radioactive data in networks unlike the marker.

The marker has six convolutions, as has the first of the networks; a fifth of the photos are marked
and every network is trained from scratch.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

from experiments import Expected

COLUMNS = ["victim/net"]
NAMES = {
    ("small",): "six convolutions",
    ("vgg",): "VGG",
    ("resnet9",): "ResNet-9",
    ("densenet",): "DenseNet",
    ("mobilenet",): "MobileNetV3",
}

EXPECTED = [
    Expected({"victim/net": "small"}, "log10_p", -2.08, 1.5),
    Expected({"victim/net": "vgg"}, "log10_p", -0.17, 1),
    Expected({"victim/net": "resnet9"}, "log10_p", -0.35, 1.5),
    Expected({"victim/net": "densenet"}, "log10_p", -0.13, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
