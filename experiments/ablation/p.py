"""The allowed false-detection rate: power against p, on one victim.

The rate of images that were not used must lie on or below the diagonal (dashed), within its
interval.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots
from taggant.report import style

EXPECTED = [
    Expected({"audit.p": 0.01}, "detection_rate", 0.847, 0.08),
    Expected({"audit.p": 0.05}, "detection_rate", 0.887, 0.08),
    Expected({"audit.p": 0.3}, "detection_rate", 0.96, 0.08),
    Expected({"audit.p": 0.3}, "false_detection_rate", 0.3, 0.06),
]


def draw(table: pl.DataFrame) -> Figure:
    table = table.sort("audit.p")
    figure = plots.rates(table, "audit.p", "allowed false-detection rate, p", log=True)
    ax = figure.axes[0]
    ax.plot(
        table["audit.p"], table["audit.p"], color=style.INK, linestyle=style.DASHED, linewidth=1
    )
    return figure
