"""Each forgotten image before and after unlearning.

Share of the hidden versions read that beat the published one: 0 is first of all, and under the null
the share is uniform. Of each method the point that `unlearning/ranking` takes at a loss of 10 %. An
audit that stopped early has read few versions, so the shares only picture what the tests decide.
"""

from pathlib import Path

import polars as pl
from experiments.unlearning import _shapes
from matplotlib.figure import Figure

from taggant.report import style

RUNS = ("unlearning/strength",)
SHOWN = ("retrain", "finetune", "random_labels", "gradient_ascent", "scrub", "salun")
BUDGET = 0.1


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    within = runs.filter(
        pl.col(_shapes.METHOD).is_in(SHOWN) & (pl.col("utility_loss").abs() <= BUDGET)
        | (pl.col(_shapes.METHOD) == "retrain")
    )
    best = within.sort("forgotten_rate").unique(_shapes.METHOD, keep="first", maintain_order=True)
    return pl.concat([_instances(run) for run in best.iter_rows(named=True)])


def _instances(run: dict[str, object]) -> pl.DataFrame:
    shares = pl.read_parquet(Path(str(run["folder"])) / "instances.parquet")
    forgotten = shares.filter(part="forgotten").select("beaten_before", "beaten")
    keys = (_shapes.METHOD, _shapes.STRENGTH, "date")
    return forgotten.select(*(pl.lit(run[key]).alias(key) for key in keys), pl.all())


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH * 1.3, 4.6))
    axes = figure.subplots(2, 3, sharex=True, sharey=True)
    for ax, name in zip(axes.flat, SHOWN, strict=True):
        rows = table.filter(pl.col(_shapes.METHOD) == name)
        ax.plot([0, 1], [0, 1], color=style.GRID, linewidth=1)
        ax.plot(rows["beaten_before"], rows["beaten"], ".", color=style.USED, alpha=0.4)
        strength = "" if name == "retrain" or not rows.height else f", {rows[1, 1]:g}"
        ax.set_title(f"{_shapes.title(name)}{strength}")
    figure.supxlabel("share of versions read that beat the published one, before", fontsize=10)
    figure.supylabel("after", fontsize=10)
    return figure
