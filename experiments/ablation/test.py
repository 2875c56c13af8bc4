"""Queries against power: the tests compared on one model.

Every test is replayed on the same reading of one model, n = 1000. Further left and further up is
better; the papers' test is pprm, with an even split of p and no futility stop.
"""

import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from experiments import Expected, plots
from taggant.report import style
from taggant.report.intervals import bars

EXPECTED = [
    Expected({"audit/test": "optimal", "audit.p": 0.05}, "detection_rate", 0.92, 0.08),
    Expected({"audit/test": "rank", "audit.p": 0.05}, "detection_rate", 0.92, 0.08),
    Expected({"audit/test": "pprm", "audit.p": 0.05}, "detection_rate", 0.887, 0.08),
    Expected({"audit/test": "besag_clifford", "audit.p": 0.05}, "detection_rate", 0.913, 0.08),
]


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 4.2))
    ax = figure.subplots()
    tests = table["audit/test"].unique(maintain_order=True)
    for test, colour in zip(tests, plots.PALETTE, strict=False):
        for p, marker in ((0.05, "o"), (0.01, "s")):
            rows = table.filter((pl.col("audit/test") == test) & (pl.col("audit.p") == p))
            name = test.replace("_", "-") if p == 0.05 else None
            rates = plots.sides(rows, "detection_rate")
            bars(ax, rows["mean_versions_read_used"], *rates, colour, marker, name, across="y")
    ax.set_xscale("log")
    ax.set_xlabel("hidden versions read per used image, mean")
    ax.set_ylabel("used images claimed (circles p = 5%, squares 1%)")
    ax.yaxis.set_major_locator(MultipleLocator(0.05))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(loc="best")
    return figure
