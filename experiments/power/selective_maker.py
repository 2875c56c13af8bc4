"""What a maker who takes published photos by their content does to ranks among withheld ones.

A third of the published photos is taken: any, those of half of the classes, those with the most
detail, or those with the least. The others are unused, and no longer a uniform draw beside the
withheld ones. LiRA under four reference models, or the margin itself; all photos in one stratum, by
class, or by how hard the references find them. No picture is altered.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = ("power/selective_maker", "power/selective_score")
SCORES = dict(zip(RUNS, ("LiRA", "margin"), strict=True))
SELECTION, STRATA = "marking/selection", "audit.strata"

EXPECTED = [
    Expected({"maker": "random", "score": "LiRA", "strata": "one"}, "detection_rate", 0.887, 0.06),
    Expected({"maker": "busy", "score": "LiRA", "strata": "one"}, "detection_rate", 0.853, 0.06),
    Expected({"maker": "calm", "score": "margin", "strata": "one"}, "detection_rate", 0.271, 0.1),
    Expected(
        {"maker": "busy", "score": "LiRA", "strata": "one"}, "false_detection_rate", 0.041, 0.03
    ),
    Expected(
        {"maker": "calm", "score": "margin", "strata": "one"}, "false_detection_rate", 0.049, 0.03
    ),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    strata = pl.col(STRATA).cast(pl.String).fill_null("one")
    score = pl.col("experiment").replace_strict(SCORES)
    case = pl.concat_str(SELECTION, score, strata, separator=", ")
    found = over_seeds(runs.with_columns(case=case), "case", "random, LiRA, one")
    parts = pl.col("case").str.split(", ").list.to_struct(fields=["maker", "score", "strata"])
    table = found.with_columns(parts).unnest("case")
    return table.sort("maker", "score", "strata")


def draw(table: pl.DataFrame) -> Figure:
    cases = pl.concat_str("maker", "score", "strata", separator=", ").alias("case")
    return plots.categories(table.with_columns(cases), "case")
