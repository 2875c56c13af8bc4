"""Over-forgetting: forgotten images that rank last, found by the other end of a two-sided test.

Full: claims of either end at p, of which dotted: "over-forgotten". A model that pushes an image
below its hidden versions tells that it was used just as surely as one that remembers it.
"""

import polars as pl
from experiments.plots import MARKERS, PALETTE, level, logarithmic, sides
from experiments.unlearning import _shapes
from matplotlib.figure import Figure

from taggant.report import style
from taggant.report.intervals import band

RUNS = ("unlearning/strength",)  # of which `unlearning/two_sided` is a part
SHOWN = ("none", "retrain", "gradient_ascent", "random_labels", "scrub", "bad_teacher")
RATE, OVER = "forgotten_rate_two_sided", "forgotten_over_rate_two_sided"


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return _shapes.collect(runs).filter(pl.col(_shapes.METHOD).is_in(SHOWN))


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 3.8))
    ax = figure.subplots()
    for name, colour, marker in zip(_shapes.methods(table), PALETTE, MARKERS, strict=False):
        rows = table.filter(pl.col(_shapes.METHOD) == name).sort(_shapes.STRENGTH)
        x = rows[_shapes.STRENGTH].to_numpy()
        band(ax, x, *sides(rows, RATE), colour, marker, _shapes.title(name))
        ax.plot(x, rows[OVER], color=colour, linestyle=":", linewidth=1.2)
    for (end, (name, _)), dashes in zip(_shapes.ENDS.items(), ("-.", "-"), strict=True):
        rate = float(table.filter(pl.col(_shapes.METHOD) == end)[RATE][0])
        ax.axhline(rate, color=style.FAINT, linestyle=dashes, linewidth=1, label=name)
    level(ax, table)
    ax.set_ylabel(f"forgotten images claimed, two-sided, p = {table['p'][0]:.0%}")
    ax.set_xlabel("strength")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5)
    logarithmic(ax, table[_shapes.STRENGTH].unique().to_list())
    return figure
