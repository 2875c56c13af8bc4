"""Weight decay: the usual guard against learning by heart.

Power, and accuracy on other images, of four models.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.sort("victim.weight_decay"), "victim.weight_decay")
