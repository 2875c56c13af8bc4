"""All of CIFAR-10 with augmentation, by 200 versions: the papers' test and ours on one reading.

The victims of `instance/full_cifar10` after their last epoch; p = 5 %.
"""

import polars as pl
from experiments.instance._tests import compared

from experiments import Expected

RUNS = ("instance/full_cifar10_sets",)
EXPECTED: list[Expected] = []


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return compared(table, "accuracy")
