"""Approximate unlearning: the papers' test and ours before and after it.

A classifier is asked to forget 200 of the images that it learned by heart, by two methods that
serve CLIP as well; n = 200, p = 5 %. Which two the paper took could not be read.
"""

import polars as pl
from experiments.instance._tests import TEST, rate
from experiments.unlearning import _shapes

from experiments import Expected
from taggant.numbers import percent

EXPECTED = [
    Expected({"unlearning": "none", TEST: "optimal"}, "forgotten_rate", 0.885, 0.07),
    Expected({"unlearning": "retrain", TEST: "optimal"}, "forgotten_rate", 0.06, 0.06),
    Expected({"unlearning": "retrain", TEST: "pprm"}, "forgotten_rate", 0.035, 0.05),
    Expected(
        {"unlearning": "warnecke_first_order", "unlearning.strength": 3.0, TEST: "optimal"},
        "forgotten_rate",
        0.445,
        0.12,
    ),
]


collect = _shapes.collect


def draw(table: pl.DataFrame) -> pl.DataFrame:
    """One row a method, strength and test."""
    return pl.DataFrame(
        {
            "method": _shapes.title(row[_shapes.METHOD]),
            "strength": f"{row[_shapes.STRENGTH]:g}",
            "test": row[TEST],
            "forgotten images claimed": rate(row, "forgotten_rate"),
            "retained": rate(row, "retained_rate"),
            "never used": rate(row, "unused_rate"),
            "accuracy": percent(row["utility"]),
        }
        for row in table.sort(_shapes.METHOD, _shapes.STRENGTH, TEST).iter_rows(named=True)
    )
