"""All of CIFAR-10 with augmentation: which single photos are claimed, as training goes on.

50,000 photos as JPEG, 500 used and 500 unused ones of them marked by 1,000 versions (photographic
edits under coloured light), asked through four shifts and flips, stopped early at p = 5 %. The
network of airbench94 by the same recipe without smoothed labels.
"""

import polars as pl
from experiments.collect import curves

from experiments import Expected
from taggant.numbers import interval, percent, quantity

LAST = {"epoch": 24}

EXPECTED = [
    Expected({"seed": 0} | LAST, "detection_rate", 0.114, 0.04),
    Expected({"seed": 1} | LAST, "detection_rate", 0.094, 0.04),
    Expected({"seed": 0} | LAST, "false_detection_rate", 0.056, 0.03),
    Expected({"seed": 1} | LAST, "false_detection_rate", 0.05, 0.03),
    Expected({"seed": 0} | LAST, "utility", 0.903, 0.01),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return curves(runs)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    """One row a seed and snapshot."""
    return pl.DataFrame(
        {
            "seed": str(row["seed"]),
            "epoch": str(row["epoch"]),
            "used images claimed": _rate(row, "detection_rate"),
            "unused images claimed": _rate(row, "false_detection_rate"),
            "hidden versions read, used": quantity(row["mean_versions_read_used"]),
            "training loss": f"{row['train_loss']:.3f}",
            "accuracy": percent(row["utility"]),
        }
        for row in table.sort("seed", "epoch").iter_rows(named=True)
    )


def _rate(row: dict[str, float], name: str) -> str:
    return f"{percent(row[name])} [{interval([row[f'{name}_low'], row[f'{name}_high']])}]"
