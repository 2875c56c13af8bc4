"""Training augmentation: shifts by up to so many pixels.

A victim that sees shifted copies no longer learns the published pixels as they are. It is asked
with the image itself, K = 1; `ablation/k` shows what more views give back.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"victim.augment.pad": 0}, "detection_rate", 0.913, 0.08),
    Expected({"victim.augment.pad": 1}, "detection_rate", 0.38, 0.08),
    Expected({"victim.augment.pad": 4}, "detection_rate", 0.173, 0.08),
    Expected({"victim.augment.pad": 4}, "false_detection_rate", 0.073, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(table, "victim.augment.pad", "largest shift in pixels", utility="accuracy")
