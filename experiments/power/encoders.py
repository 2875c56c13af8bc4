"""Two randomisations against SimCLR, on photos: single ones, and sets of one owner.

Ranks among hidden versions by the mean cosine of the views; a likelihood ratio of the same under
four reference encoders, ranked among withheld photos; and Stouffer's sum of the two. Each seed has
its own photos, secret, split and encoder.
"""

import polars as pl
from experiments.generative import _seeds as over

from experiments import Expected

SINGLE = {"size": 1, "p": 0.05}
EXPECTED = [
    Expected(SINGLE | {"evidence": "versions"}, "detection_rate", 0.532, 0.1),
    Expected(SINGLE | {"evidence": "combined"}, "detection_rate", 0.735, 0.09),
    Expected(SINGLE | {"evidence": "combined"}, "false_detection_rate", 0.057, 0.04),
    Expected({"size": 20, "p": 0.01, "evidence": "combined"}, "detection_rate", 1.0, 0.03),
]

collect = over.by_evidence


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return over.shown_by_evidence(table, "withheld photos")
