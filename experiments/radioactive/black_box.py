"""Radioactive data by losses alone: the rank of the published set, and the paper's gap.

A classifier trained from scratch on 1,400 drawings with 99 classes. The published set is ranked by
its mean loss among 40 sets that carry other carriers, which is exact; the gap between the losses of
marked and of raw images, the paper's measure, is no test.
"""

import numpy as np
import polars as pl
from experiments.plots import MARKERS, panels
from experiments.radioactive._power import USED, pooled
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import Expected
from taggant.report import style

EXPECTED = [
    Expected({USED: 0.0}, "black_box_p", 0.575, 0.5),
    Expected({USED: 0.02}, "black_box_p", 0.025, 0.025),
    Expected({USED: 0.1}, "black_box_p", 0.025, 0.01),
    Expected({USED: 0.1}, "claims", 0, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    fig, (upper, lower) = panels(True)
    for row in table.sort(USED).iter_rows(named=True):
        p = [float(value) for value in str(row["black_box_p_of_draws"]).split()]
        beside = row[USED] + 0.0015 * (np.arange(len(p)) - (len(p) - 1) / 2)
        upper.plot(beside, np.log10(p), MARKERS[0], color=style.USED, alpha=0.6, markersize=4)
    level = float(np.log10(table["p"][0]))
    upper.axhline(level, color=style.INK, linestyle=style.DASHED, linewidth=1)
    upper.set_title("log10 p of the rank, each draw")
    ordered = table.sort(USED)
    lower.plot(ordered[USED], ordered["loss_gap"], color=style.LOSS, marker="D")
    lower.set_title("loss of marked less of raw images")
    lower.set_xlabel("training images that are marked")
    lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    return fig
