"""How audits answer defences: the same victims, asked in other ways.

Noise of .01 on the confidences that follows from the image, and the label alone, on photos. Asked
once; by sixteen views of each version; by 64 copies of it with a little noise, the same on all
versions; by votes of 64 labels with much noise; by 64 labels on the way to where the raw image's
label turns nearest by. All by 40 of the 100 versions, one of them published. Queries are those of
an image whose versions are all asked about, without those about its raw image; a test that stops
early asks less, see `taggant.plan(views=...)`.
"""

import polars as pl
from experiments.defences._rows import rows
from matplotlib.figure import Figure

from experiments import Expected, plots
from taggant import plan

WAYS = {
    "once": "once",
    "views": "16 views",
    "probes": "64 with a little noise",
    "votes": "64 votes with much noise",
    "nearest": "64 votes toward the nearest turn",
}
RUNS = tuple(f"defences/answers_{name}" for name in WAYS)
SHOWN = {"none": "all", "noise": "noise of .01", "label_only": "label only"}
SETS = ((10, 0.05), (20, 0.05), (20, 0.001), (50, 0.05), (50, 0.001))

EXPECTED = [
    Expected({"asked": asked}, column, value, tolerance)
    for asked, column, value, tolerance in (
        ("noise of .01: once", "detection_rate", 0.29, 0.1),
        ("noise of .01: 64 with a little noise", "detection_rate", 0.66, 0.15),
        ("label only: 64 votes toward the nearest turn", "detection_rate", 0.407, 0.1),
        ("label only: 64 votes toward the nearest turn", "sets_of_20_at_0.05_used", 1.0, 0.05),
        ("label only: 64 votes toward the nearest turn", "false_detection_rate", 0.02, 0.03),
    )
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    way = pl.col("experiment").str.strip_prefix("defences/answers_").replace_strict(WAYS)
    runs = runs.with_columns(
        asked=pl.format("{}: {}", pl.col("defence").replace_strict(SHOWN), way)
    )
    queries = {views: _planned(views) for views in runs["score.views"].unique()}
    planned = pl.col("score.views").replace_strict(queries, return_dtype=pl.Float64)
    cost = runs.select("asked", views="score.views", planned_queries=planned).unique()
    return rows(runs, "asked", "all: once", SETS).join(cost, on="asked")


def _planned(views: int) -> float:
    """Queries of a used image by the default test, if 5 % of its hidden versions beat it."""
    found = plan(40, 0.05, mean=0.05, views=views).rows
    return next(row.queries_used for row in found if row.test == "optimal")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.sort("asked"), "asked")
