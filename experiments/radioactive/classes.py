"""Radioactive data by the number of real classes: 10 categories against 99 subcategories.

The same set of drawings, told apart coarsely or finely, by a linear probe on the marker's features
and by a classifier trained from scratch. Every class is one more cosine that Fisher's test adds
up, and has fewer images to carry its mark.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

RUNS = ("radioactive/classes", "radioactive/classes_scratch")
NAMES = {
    ("linear_probe", "category"): "probe, 10 classes",
    ("linear_probe", "subcategory"): "probe, 99 classes",
    ("classifier", "category"): "from scratch, 10 classes",
    ("classifier", "subcategory"): "from scratch, 99 classes",
}

PROBE = {"victim": "linear_probe", USED: 0.2}
SCRATCH = {"victim": "classifier", USED: 0.2}
EXPECTED = [
    Expected({**PROBE, "data.labels": "category"}, "log10_p", -9.1, 3),
    Expected({**PROBE, "data.labels": "subcategory"}, "log10_p", -10.6, 4),
    Expected({**SCRATCH, "data.labels": "category"}, "claims", 0, 1),
    Expected({**SCRATCH, "data.labels": "subcategory"}, "claims", 0, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    label = "training images that are marked"
    return against(table, USED, label, ["victim", "data.labels"], NAMES)
