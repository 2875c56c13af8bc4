"""Membership inference against the audit, over all methods and strengths.

Across: the area under the curve of the margin that tells forgotten from never-used images, as
unlearning is commonly judged; .5 is chance. Up: the audit. Where the area is near or below .5 and
the rate above p, the common measure calls erased what provably is not.
"""

import polars as pl
from experiments.plots import level
from experiments.unlearning import _shapes
from experiments.unlearning._shapes import collect as collect
from matplotlib.figure import Figure

from taggant.report import style

RUNS = ("unlearning/strength",)


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 4.2))
    ax = figure.subplots()
    graded = table.filter(~pl.col(_shapes.METHOD).is_in([*_shapes.ENDS]))
    kept = (pl.col("status") == "ok") & (pl.col("utility_loss") <= 0.1)
    parts = ((kept, style.USED, "o", "loss up to 10%"), (~kept, style.FAINT, "x", "larger loss"))
    for which, colour, marker, name in parts:
        rows = graded.filter(which)
        _shapes.errors(ax, rows, rows["auc"].to_numpy(), colour, marker, name)
    for (end, (name, marker)), colour in zip(
        _shapes.ENDS.items(), (style.UNUSED, style.EXTRA), strict=True
    ):
        rows = table.filter(pl.col(_shapes.METHOD) == end)
        _shapes.errors(ax, rows, rows["auc"].to_numpy(), colour, marker, name)
    level(ax, table)
    ax.axvline(0.5, color=style.FAINT, linewidth=1)
    ax.set_xlabel("membership inference, area under the curve")
    ax.set_ylabel(f"forgotten images claimed at p = {table['p'][0]:.0%}")
    ax.legend(loc="upper left")
    return figure
