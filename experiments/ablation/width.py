"""Width of the network: more weights, more memory.

Channels of the first layer of six convolutions; the others grow with it.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import plots


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(
        table, "victim.width", "channels of the first layer", log=True, utility="accuracy"
    )
