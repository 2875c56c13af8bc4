"""Radioactive data when the marker learnt from other images.

A fifth of the photos are marked by a network that learnt from other photos of the same set, or from
drawings only; the tested network is trained from scratch.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

from experiments import Expected

COLUMNS = ["marking/marker"]
NAMES = {("trained_on_rest",): "marker of photos", ("trained",): "marker of drawings"}

EXPECTED = [
    Expected({"marking/marker": "trained_on_rest"}, "log10_p", -3.76, 2),
    Expected({"marking/marker": "trained"}, "log10_p", -1.31, 1),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
