"""Output defences: what the model's answer shows.

One victim that answers with its whole confidence vector, the three largest, two decimal places, or
the label only.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots

NAMES = {
    "full": "all confidences",
    "top_k": "three largest",
    "rounded": "two decimals",
    "label": "label only",
}


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "score/access", NAMES)
