"""SimCLR encoder: the papers' test and ours on one reading.

220 emoji of which 200 marked, asked for what the projector makes of 16 views; n = 200, p = 5 %.
"""

import polars as pl
from experiments.instance._tests import TEST, compared

from experiments import Expected

EXPECTED = [
    Expected({TEST: "pprm"}, "detection_rate", 0.215, 0.08),
    Expected({TEST: "optimal"}, "detection_rate", 0.33, 0.1),
    Expected({TEST: "optimal"}, "false_detection_rate", 0.035, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy of a linear probe")
