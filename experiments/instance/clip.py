"""CLIP: the papers' test and ours on one reading.

1,200 emoji with captions, of which 200 marked; a small model from scratch; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import TEST, compared

from experiments import Expected

EXPECTED = [
    Expected({TEST: "pprm"}, "detection_rate", 0.7, 0.08),
    Expected({TEST: "optimal"}, "detection_rate", 0.765, 0.08),
    Expected({TEST: "optimal"}, "false_detection_rate", 0.055, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "recall at 1")
