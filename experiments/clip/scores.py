"""Three scores of one small CLIP.

The cosine of an image with its caption; minus the contrastive loss of the pair among public pairs;
the cosine less that with the nearest public captions.
"""

import polars as pl
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES: dict[object, str] = {
    "image_text": "cosine",
    "image_text_contrastive": "contrastive loss",
    "image_text_margin": "margin to other captions",
}
EXPECTED = [
    Expected({"score": "image_text"}, "detection_rate", 0.825, 0.07),
    Expected({"score": "image_text_contrastive"}, "detection_rate", 0.835, 0.07),
    Expected({"score": "image_text_margin"}, "detection_rate", 0.67, 0.08),
]


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "score", NAMES)
