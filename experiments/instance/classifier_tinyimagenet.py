"""Classifier of images of 64 pixels: the papers' test and ours on one reading.

CIFAR-10 photos enlarged for TinyImageNet's; 1,200 of which 200 marked; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import TEST, compared

from experiments import Expected

EXPECTED = [
    Expected({TEST: "pprm"}, "detection_rate", 0.77, 0.08),
    Expected({TEST: "optimal"}, "detection_rate", 0.855, 0.08),
    Expected({TEST: "optimal"}, "false_detection_rate", 0.055, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
