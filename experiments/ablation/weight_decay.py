"""Weight decay: the usual guard against learning by heart.

Power, and accuracy on other images, of four models.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"victim.weight_decay": 0.0}, "detection_rate", 0.913, 0.08),
    Expected({"victim.weight_decay": 0.05}, "detection_rate", 0.927, 0.08),
    Expected({"victim.weight_decay": 0.05}, "false_detection_rate", 0.027, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.sort("victim.weight_decay"), "victim.weight_decay")
