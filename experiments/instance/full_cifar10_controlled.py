"""All of CIFAR-10 with augmentation: published photos ranked among withheld ones.

The victims of `instance/full_cifar10` after their last epoch: ranks of 200 versions, ranks among
500 withheld photos by the margin alone (no reference models), and both; p = 5 %.
"""

import polars as pl

from experiments import Expected
from taggant.numbers import percent

KINDS = {"versions": "versions", "controls": "withheld photos", "combined": "both"}
RATES = ("detection_rate", "false_detection_rate")
EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    sides = ("", "_low", "_high")
    parts = [
        runs.select(
            "seed",
            pl.lit(name).alias("evidence"),
            "p",
            *(
                pl.col(f"{rate}_{kind}{side}").alias(f"{rate}{side}")
                for rate in RATES
                for side in sides
            ),
            "utility",
            "date",
        )
        for kind, name in KINDS.items()
    ]
    return pl.concat(parts)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "seed": str(row["seed"]),
            "evidence": row["evidence"],
            "used photos claimed": percent(row["detection_rate"]),
            "unused photos claimed": percent(row["false_detection_rate"]),
        }
        for row in table.sort("seed").iter_rows(named=True)
    )
