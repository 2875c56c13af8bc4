"""Two randomisations against a small CLIP trained with crops and mirror images, on emoji.

Ranks among hidden versions by the cosine with the caption, mean of eight views; a likelihood ratio
of the same under four reference models, ranked among withheld images; and Stouffer's sum of the
two; single images, and sets of one owner. Each seed has its own images, split and model.
"""

import polars as pl
from experiments.generative import _seeds as over

from experiments import Expected

SINGLE = {"size": 1, "p": 0.05}
EXPECTED = [
    Expected(SINGLE | {"evidence": "versions"}, "detection_rate", 0.718, 0.1),
    Expected(SINGLE | {"evidence": "combined"}, "detection_rate", 0.87, 0.12),
    Expected(SINGLE | {"evidence": "combined"}, "false_detection_rate", 0.045, 0.04),
    Expected({"size": 20, "p": 0.01, "evidence": "combined"}, "detection_rate", 1.0, 0.03),
]

collect = over.by_evidence


def draw(table: pl.DataFrame) -> pl.DataFrame:
    return over.shown_by_evidence(table, "withheld images")
