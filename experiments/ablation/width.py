"""Width of the network: more weights, more memory.

Channels of the first layer of six convolutions; the others grow with it.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

EXPECTED = [
    Expected({"victim.width": 4}, "detection_rate", 0.653, 0.08),
    Expected({"victim.width": 32}, "detection_rate", 0.933, 0.08),
    Expected({"victim.width": 32}, "false_detection_rate", 0.04, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.rates(
        table, "victim.width", "channels of the first layer", log=True, utility="accuracy"
    )
