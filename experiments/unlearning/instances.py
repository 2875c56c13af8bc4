"""Each forgotten image before and after unlearning.

Share of the hidden versions read that beat the published one: 0 is first of all, and under the null
the share is uniform. Of each method the point that `unlearning/ranking` takes at a loss of 10 %. An
audit that stopped early has read few versions, so the shares only picture what the tests decide.
"""

from pathlib import Path

import polars as pl
from experiments.unlearning import _shapes
from experiments.unlearning._pool import SEED
from matplotlib.figure import Figure

from taggant.report import style

RUNS = ("unlearning/strength",)
SHOWN = ("retrain", "finetune", "random_labels", "gradient_ascent", "scrub", "salun")
BUDGET = 0.1


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    table = _shapes.collect(runs)
    strengths = {name: _strength(table, name) for name in SHOWN}
    chosen = [
        run
        for run in runs.iter_rows(named=True)
        if (name := run[_shapes.METHOD]) in SHOWN and _is_chosen(run, strengths[name])
    ]
    return pl.concat([_instances(run) for run in chosen])


def _strength(table: pl.DataFrame, method: str) -> float | None:
    """Of a method's best point within the budget, as the ranking has it; None without one."""
    own = table.filter(pl.col(_shapes.METHOD) == method)
    if method not in _shapes.ENDS:
        own = own.filter(pl.col("utility_loss") <= BUDGET)
    best = own.sort("forgotten_rate", maintain_order=True)[_shapes.STRENGTH].to_list()
    return float(best[0]) if best else None


def _is_chosen(run: dict[str, object], strength: float | None) -> bool:
    return strength is not None and float(str(run[_shapes.STRENGTH])) == strength


def _instances(run: dict[str, object]) -> pl.DataFrame:
    shares = pl.read_parquet(Path(str(run["folder"])) / "instances.parquet")
    forgotten = shares.filter(part="forgotten").select("beaten_before", "beaten")
    keys = (_shapes.METHOD, _shapes.STRENGTH, SEED, "date")
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
