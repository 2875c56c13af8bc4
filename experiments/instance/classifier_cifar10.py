"""CIFAR-10 classifier: the papers' test and ours on one reading.

1,200 CIFAR-10 images of which 200 marked; n = 200, p = 5 %. The seed paper's own table could not be
read, so nothing here is compared with it.
"""

import polars as pl

from experiments import Expected
from taggant.report.numbers import interval, percent, quantity

EXPECTED = [
    Expected({"audit/test": "pprm"}, "detection_rate", 0.78, 0.08),
    Expected({"audit/test": "optimal"}, "detection_rate", 0.825, 0.08),
    Expected({"audit/test": "optimal"}, "false_detection_rate", 0.06, 0.05),
]


def draw(table: pl.DataFrame) -> pl.DataFrame:
    """One row a test."""

    def rate(row: dict[str, float], name: str) -> str:
        bounds = interval([row[f"{name}_low"], row[f"{name}_high"]])
        return f"{percent(row[name])} [{bounds}]"

    return pl.DataFrame(
        {
            "test": row["audit/test"],
            "used images claimed": rate(row, "detection_rate"),
            "unused images claimed": rate(row, "false_detection_rate"),
            "hidden versions read, used": quantity(row["mean_versions_read_used"]),
            "hidden versions read, unused": quantity(row["mean_versions_read_unused"]),
            "accuracy": percent(row["utility"]),
        }
        for row in table.iter_rows(named=True)
    )
