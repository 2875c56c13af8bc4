"""Classifier of many classes: the papers' test and ours on one reading.

99 subcategories of emoji for CIFAR-100's hundred classes; 1,200 images of which 200 marked;
n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import TEST, compared

from experiments import Expected

EXPECTED = [
    Expected({TEST: "pprm"}, "detection_rate", 0.755, 0.08),
    Expected({TEST: "optimal"}, "detection_rate", 0.78, 0.08),
    Expected({TEST: "optimal"}, "false_detection_rate", 0.05, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
