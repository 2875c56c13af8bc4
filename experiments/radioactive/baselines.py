"""Other signals of use on the same budget: visible patches, colliding features, versions, twins.

The same ten classes of photos and the same classifier from scratch for all; a share of the photos
carries the signal and the rest is as it was. Radioactive photos are those of `table2`. A rank among
n sets is never below 1/n. Below, what it costs in accuracy.
"""

import numpy as np
import polars as pl
from experiments.experiment import Experiment
from experiments.plots import MARKERS, PALETTE, panels, sides
from experiments.radioactive._power import USED, pooled
from experiments.radioactive.table2 import WINDOW
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import Expected
from taggant.report import style
from taggant.report.intervals import band

RUNS = (
    "radioactive/backdoor",
    "radioactive/feature_collision",
    "radioactive/whole_n_version",
    "radioactive/whole_twins",
)
RADIOACTIVE = "radioactive, last layer"
EXPECTED = [
    Expected({"signal": "whole_n_version", USED: 0.02}, "log10_p", -6.0, 2.5),
    Expected({"signal": "whole_n_version", USED: 0.02}, "accuracy_lost", 0.0, 0.02),
    Expected({"signal": "whole_twins", USED: 0.02}, "log10_p", -5.5, 2.5),
    Expected({"signal": "backdoor", USED: 0.0}, "claims", 0, 1),
    Expected({"signal": "backdoor", USED: 0.1}, "log10_p", -3.0, 0.5),
    Expected({"signal": "backdoor", USED: 0.2}, "accuracy_lost", 0.03, 0.02),
    Expected({"signal": "feature_collision", USED: 0.1}, "claims", 0, 1),
]
SIGNALS = {
    "whole_n_version": "20 versions, losses",
    "whole_twins": "twins, losses",
    "backdoor": "patches, stamped photos",
    "feature_collision": "collisions, pictures",
}


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    signal = pl.col("experiment").str.strip_prefix("radioactive/").alias("signal")
    return pooled(runs.select(signal, pl.all()))


def draw(table: pl.DataFrame) -> Figure:
    fig, (upper, lower) = panels(True)
    lines = {title: table.filter(signal=signal) for signal, title in SIGNALS.items()}
    lines[RADIOACTIVE] = Experiment("radioactive/table2").table.filter(pl.col(WINDOW) == "centre")
    for (title, line), colour, marker in zip(lines.items(), PALETTE, MARKERS, strict=False):
        rows = line.sort(USED)
        places = rows[USED].to_numpy()
        band(upper, places, *sides(rows, "log10_p"), colour, marker, title)
        lower.plot(places, rows["accuracy_lost"], color=colour, marker=marker)
    level = float(np.log10(table["p"][0]))
    upper.axhline(level, color=style.INK, linestyle=style.DASHED, linewidth=1)
    upper.set_ylabel("log10 p: median and range of draws")
    lower.set_title("accuracy lost")
    lower.set_xticks(table[USED].unique().sort().to_list())
    for axis in (lower.xaxis, lower.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    lower.set_xlabel("training images that carry the signal")
    fig.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return fig
