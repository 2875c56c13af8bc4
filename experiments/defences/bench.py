"""What hides use, and what it costs: audits of photos against 36 ways to train and to answer.

One row a defence: single images at p = .05 and .01, sets of 10 and 50 images of one owner at .05
and .001, and the accuracy that it costs. All victims but the first group
are trained anew; what stands behind a trained model shares one victim a seed. Intervals are over
seeds. An audit that is void, since answers change from question to question, claims nothing.
"""

import polars as pl
from experiments.defences._pareto import pareto
from experiments.defences._rows import rows
from matplotlib.figure import Figure

from experiments import Expected

NONE = "none"
ROWS = {
    "deployed": ("defence", "{}"),
    "augmented": ("victim/augment", "{}"),
    "mixed": ("victim/mix", "{}"),
    "smoothed": ("victim.label_smoothing", "smoothed labels {}"),
    "stopped": ("victim.patience", "early stopping {}"),
    "private": ("victim.noise_multiplier", "DP-SGD, noise {}"),
    "distilled": ("victim.told", "distilled, {}"),
    "mislabelled": ("victim.label_noise", "wrong labels {}"),
    "diffused": ("defence", "{}"),
    "split": ("victim.without", "split ensemble, without {}"),
}
"""The column that each of the runs sweeps, and what its rows are called."""
RUNS = tuple(f"defences/{name}" for name in ROWS)
LEVELS = (0.01,)
SETS = ((10, 0.05), (10, 0.001), (50, 0.05), (50, 0.001))

EXPECTED = [
    Expected({"defence": defence}, column, value, tolerance)
    for defence, column, value, tolerance in (
        (NONE, "detection_rate", 0.932, 0.06),
        (NONE, "false_detection_rate", 0.055, 0.03),
        ("noise", "detection_rate", 0.265, 0.1),
        ("crop_flip", "detection_rate", 0.215, 0.1),
        ("split ensemble, without 2", "detection_rate", 0.078, 0.06),
        ("mixup", "sets_of_10_at_0.001_used", 0.810, 0.2),
        ("label_only", "detection_rate", 0.0, 0.01),
    )
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    table = rows(runs.with_columns(defence=_names(runs)), "defence", NONE, SETS, LEVELS)
    bare = table.filter(pl.col("defence") == NONE)["utility"].item()
    return table.with_columns(accuracy_lost=bare - pl.col("utility"))


def _names(runs: pl.DataFrame) -> pl.Expr:
    """Of each row by what its experiment sweeps: the same columns are there in all of them."""
    found = [
        pl.when(pl.col("experiment") == f"defences/{name}").then(
            pl.format(called, pl.col(column).cast(pl.String))
        )
        for name, (column, called) in ROWS.items()
        if column in runs.columns
    ]
    return pl.coalesce(*found)


def draw(table: pl.DataFrame) -> Figure:
    panels = [
        ("detection_rate", "single images claimed at p = 5 %"),
        ("sets_of_10_at_0.001_used", "sets of 10 claimed at p = .1 %"),
    ]
    return pareto(table, "defence", "accuracy_lost", panels)
