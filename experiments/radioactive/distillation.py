"""Radioactive data through a black box: the student of a marked model.

A network trained on photos, of which a fifth or none are marked, answers questions about other
photos, with confidences or with labels only; another network learns these answers and is tested in
its stead.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

from experiments import Expected

COLUMNS = ["victim.told", "marking.used"]
NAMES = {
    ("confidences", 0.0): "told confidences, 0 % marked",
    ("confidences", 0.2): "told confidences, 20 % marked",
    ("labels", 0.0): "told labels, 0 % marked",
    ("labels", 0.2): "told labels, 20 % marked",
}

EXPECTED = [
    Expected({"victim.told": "confidences", "marking.used": 0.2}, "log10_p", -1.01, 1),
    Expected({"victim.told": "labels", "marking.used": 0.2}, "log10_p", -0.26, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
