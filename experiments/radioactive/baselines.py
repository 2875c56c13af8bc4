"""Other signals of use on the same budget: visible patches, colliding features, versions, twins.

The same ten classes of photos and the same classifier from scratch for all; a share of the photos
carries the signal and the rest is as it was. Every p-value is exact; a rank among n sets is never
below 1/n, which the least log10 p of a line shows. Below, what it costs in accuracy.
"""

import numpy as np
import polars as pl
from experiments.plots import MARKERS, PALETTE, panels
from experiments.radioactive._power import USED, pooled
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import plots
from taggant.report import style

RUNS = (
    "radioactive/both_boxes",
    "radioactive/backdoor",
    "radioactive/feature_collision",
    "radioactive/whole_n_version",
    "radioactive/whole_twins",
)
SIGNALS = {
    "both_boxes": "radioactive, last layer",
    "losses": "radioactive, losses",
    "backdoor": "backdoor, stamped photos",
    "feature_collision": "feature collision, pictures",
    "whole_n_version": "20 versions, losses",
    "whole_twins": "twins, losses",
}


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    names = pl.col("experiment").str.strip_prefix("radioactive/")
    boxes = runs.filter(pl.col("black_box_p").is_not_null())
    losses = boxes.with_columns(
        log10_p=pl.col("black_box_p").log10(), claim=pl.col("black_box_p") <= pl.col("p")
    )
    parts = [
        (runs, names),
        (losses.drop("control_rate", "mean_cosine", "black_box_p"), pl.lit("losses")),
    ]
    named = [part.select(name.alias("signal"), pl.all()) for part, name in parts]
    return pooled(pl.concat(named, how="diagonal_relaxed"))


def draw(table: pl.DataFrame) -> Figure:
    fig, (upper, lower) = panels(True)
    lines = zip(SIGNALS.items(), PALETTE, MARKERS, strict=False)
    for (signal, title), colour, marker in lines:
        rows = table.filter(signal=signal).sort(USED)
        places = rows[USED].to_numpy()
        low, high = rows["log10_p_low"], rows["log10_p_high"]
        upper.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)
        upper.plot(places, rows["log10_p"], color=colour, marker=marker, label=title)
        if signal != "losses":
            lower.plot(places, rows["accuracy_lost"], color=colour, marker=marker)
    level = float(np.log10(table["p"][0]))
    upper.set_yscale("symlog", linthresh=1)
    upper.axhline(level, color=style.INK, linestyle=plots.DASHED, linewidth=1)
    upper.set_ylabel("log10 p: median and range of draws")
    upper.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    lower.set_title("accuracy lost")
    for axis in (lower.xaxis, lower.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=None))
    lower.set_xlabel("training images that carry the signal")
    return fig
