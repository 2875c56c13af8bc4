"""Scores of encoders: which of them tells most.

Three scores of 16 random crops of an image, on the encoder's embeddings and on its projector's
output: how alike all crops are, how alike the nearest ones are, and how alike all are beside
public images.
"""

import polars as pl
from experiments.collect import rates
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES: dict[object, str] = {
    "pairwise_cosine": "all pairs",
    "nearest_view": "nearest pairs",
    "view_contrast": "beside public images",
}
PROJECTOR = {"score/access": "projector"}
EMBEDDING = {"score/access": "embedding"}
EXPECTED = [
    Expected({"score": "pairwise_cosine", **PROJECTOR}, "detection_rate", 0.235, 0.08),
    Expected({"score": "nearest_view", **PROJECTOR}, "detection_rate", 0.22, 0.08),
    Expected({"score": "view_contrast", **PROJECTOR}, "detection_rate", 0.18, 0.07),
    Expected({"score": "pairwise_cosine", **EMBEDDING}, "detection_rate", 0.115, 0.05),
    Expected({"score": "nearest_view", **EMBEDDING}, "detection_rate", 0.07, 0.05),
    Expected({"score": "view_contrast", **EMBEDDING}, "detection_rate", 0.075, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("score/access", "detection_rate", descending=True)


def draw(table: pl.DataFrame) -> Figure:
    cell = pl.col("score").replace_strict(NAMES) + pl.lit(", ") + pl.col("score/access")
    return plots.categories(table.with_columns(cell=cell), "cell")
