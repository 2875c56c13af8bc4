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
EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("score/access", "detection_rate", descending=True)


def draw(table: pl.DataFrame) -> Figure:
    cell = pl.col("score").replace_strict(NAMES) + pl.lit(", ") + pl.col("score/access")
    return plots.categories(table.with_columns(cell=cell), "cell")
