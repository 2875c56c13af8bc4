"""Radioactive data in networks unlike the marker.

The marker has six convolutions, as has the first of the networks; a fifth of the photos are marked
and every network is trained from scratch.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

COLUMNS = ["victim/net"]
NAMES = {
    ("small",): "six convolutions",
    ("vgg",): "VGG",
    ("resnet9",): "ResNet-9",
    ("densenet",): "DenseNet",
    ("mobilenet",): "MobileNetV3",
}

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
