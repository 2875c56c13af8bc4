"""CIFAR-10 classifier: the papers' test and ours on one reading.

1,200 CIFAR-10 images of which 200 marked; n = 200, p = 5 %. The seed paper's own table could not be
read, so nothing here is compared with it.
"""

import polars as pl
from experiments.instance._tests import TEST, compared

from experiments import Expected

EXPECTED = [
    Expected({TEST: "pprm"}, "detection_rate", 0.78, 0.08),
    Expected({TEST: "optimal"}, "detection_rate", 0.825, 0.08),
    Expected({TEST: "optimal"}, "false_detection_rate", 0.06, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
