"""All of CIFAR-10 with augmentation: which single photos are claimed, as training goes on.

50,000 photos as JPEG, 500 used and 500 unused ones of them marked by 1,000 versions (photographic
edits under coloured light), asked through four shifts and flips, stopped early at p = 5 %. The
network of airbench94, narrower, by the same recipe without smoothed labels.
"""

import polars as pl
from experiments.collect import curves

from experiments import Expected
from taggant.numbers import interval, percent, quantity

EXPECTED = [
    Expected({"seed": 0, "epoch": 10}, "detection_rate", 0.062, 0.03),
    Expected({"seed": 0, "epoch": 10}, "false_detection_rate", 0.036, 0.03),
    Expected({"seed": 0, "epoch": 10}, "utility", 0.886, 0.01),
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
