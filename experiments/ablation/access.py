"""Output defences: what the model's answer shows.

One victim that answers with its whole confidence vector, the three largest, two decimal places, or
the label only.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {
    "full": "all confidences",
    "top_k": "three largest",
    "rounded": "two decimals",
    "label": "label only",
}

EXPECTED = [
    Expected({"score/access": "full"}, "detection_rate", 0.907, 0.08),
    Expected({"score/access": "top_k"}, "detection_rate", 0.907, 0.08),
    Expected({"score/access": "rounded"}, "detection_rate", 0.78, 0.08),
    Expected({"score/access": "label"}, "detection_rate", 0.027, 0.05),
    Expected({"score/access": "label"}, "false_detection_rate", 0.04, 0.05),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "score/access", NAMES)
