"""What models of one's own say of each version, taken from what the victim says, on photos.

Four references, each trained by the victim's recipe on half of all raw photos: what they say of a
version is how it looks to models that saw no mark. A part of it, fixed beforehand, is taken from
the victim's score. Photos, marks and victims are those of power/learned.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = ("power/learned", "power/references")
REFERENCE = "mean log-confidence"
NAMES = {"loss": REFERENCE, "learned": "learned", "margin": "margin"}

BOTH = {"evidence": "learned, less references", "p": 0.05}
EXPECTED = [
    Expected(BOTH, "detection_rate", 0.631, 0.06),
    Expected(BOTH, "false_detection_rate", 0.052, 0.03),
    Expected({"evidence": REFERENCE, "p": 0.05}, "detection_rate", 0.555, 0.06),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    less = pl.when(pl.col("experiment") == RUNS[1]).then(pl.lit(", less references"))
    named = pl.col("score").replace_strict(NAMES) + less.otherwise(pl.lit(""))
    return over_seeds(runs.with_columns(evidence=named), "evidence", REFERENCE)


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "evidence")
