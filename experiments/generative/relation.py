"""Claims of a diffusion model's photos, against epochs, set size and copies among its samples.

From scratch on 200 photos, fine-tuned on 200 after 1,000 others, and from scratch on 1,000; 100
photos are marked each time. Left: single photos at p = 5 % as training goes on (dotted: not used),
and below the share of samples that copy a training photo. Right: sets of one owner's photos at
p = 0.1 %, after the last epoch. Intervals are over seeds, those of single photos over images too.
"""

import polars as pl
from experiments.generative._seeds import images_and_sets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import Expected, plots
from taggant.report import style
from taggant.report.intervals import line

RUNS = ("generative/ddpm", "generative/fine_tune", "generative/more_photos")
NAMES = dict(zip(RUNS, ("200 photos", "200 after 1,000 others", "1,000 photos"), strict=True))
SINGLE, SETS = 0.05, 0.001

EXPECTED = [
    Expected({"run": RUNS[0], "epoch": 500, "size": 1, "p": 0.05}, "detection_rate", 0.987, 0.05),
    Expected({"run": RUNS[1], "epoch": 100, "size": 1, "p": 0.05}, "detection_rate", 0.483, 0.12),
    Expected({"run": RUNS[2], "epoch": 200, "size": 20, "p": 0.01}, "detection_rate", 0.905, 0.15),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    tables = [
        images_and_sets(runs.filter(experiment=name)).with_columns(run=pl.lit(name))
        for name in RUNS
    ]
    return pl.concat(tables, how="diagonal_relaxed").select("run", pl.exclude("run"))


def draw(table: pl.DataFrame) -> Figure:
    fig = Figure(figsize=(1.6 * style.WIDTH, 4.2))
    parts = fig.subplot_mosaic(
        [["photos", "sets"], ["copies", "sets"]], height_ratios=[2.6, 1], width_ratios=[1.3, 1]
    )
    alone = table.filter((pl.col("size") == 1) & (pl.col("p") == SINGLE))
    together = table.filter((pl.col("size") > 1) & (pl.col("p") == SETS))
    curves(parts["photos"], alone, "epoch")
    curves(parts["sets"], together, "size")
    for name, colour, marker in zip(RUNS, plots.PALETTE, plots.MARKERS, strict=False):
        rows = alone.filter(run=name)
        line(parts["copies"], rows["epoch"], rows["copies"], colour, marker)
    parts["photos"].tick_params(labelbottom=False)
    fig.legend(*parts["photos"].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    parts["copies"].sharex(parts["photos"])
    parts["copies"].set_ylim(-0.02, max([0.1, *alone["copies"].drop_nulls()]))
    parts["copies"].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    parts["copies"].set(title="copies among samples", xlabel="epoch")
    plots.logarithmic(parts["sets"], together["size"].unique().to_list())
    parts["sets"].set(xlabel="photos of one owner", ylabel=f"sets claimed at p = {SETS:.1%}")
    return fig


def curves(ax: Axes, table: pl.DataFrame, x: str) -> None:
    """Rates of each kind of training against a number; dotted: not used."""
    for name, colour, marker in zip(RUNS, plots.PALETTE, plots.MARKERS, strict=False):
        rows = table.filter(run=name).sort(x)
        plots.with_band(ax, rows, x, plots.USED, NAMES[name], colour, marker)
        ax.plot(rows[x], rows[plots.UNUSED], color=colour, linestyle=":", linewidth=1.2)
    plots.level(ax, table)
