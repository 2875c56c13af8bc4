"""SimCLR: which images are claimed as the encoder learns them by heart.

200 marked emoji are among the encoder's 220 training images, 200 more are marked and never shown
to it. Asked for its embeddings, which is all that a deployed encoder shows, it gives away less than
what its projector makes of them. The rate of images that were not used stays at p.
"""

import polars as pl
from experiments.collect import curves
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

PROJECTOR = {"score/access": "projector", "epoch": 200}
EMBEDDING = {"score/access": "embedding", "epoch": 200}
EXPECTED = [
    Expected(PROJECTOR, "detection_rate", 0.235, 0.08),
    Expected(PROJECTOR, "false_detection_rate", 0.045, 0.04),
    Expected(EMBEDDING, "detection_rate", 0.115, 0.05),
    Expected(EMBEDDING, "false_detection_rate", 0.055, 0.04),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    counts = runs.select("score/access", "used", "unused", "train_images")
    table = curves(runs).join(counts, on="score/access").filter(p=0.05)
    return with_p_value(table)


def draw(table: pl.DataFrame) -> Figure:
    return plots.series(table, "epoch", "epoch", "score/access")
