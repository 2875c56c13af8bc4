"""Radioactive data through a black box: the student of a marked model.

A network trained on photos of which a fifth are marked answers questions about other photos, with
confidences or with labels only; another network learns these answers and is tested in its stead.
"""

import polars as pl
from experiments.radioactive._bars import bars
from experiments.radioactive._power import pooled
from matplotlib.figure import Figure

from experiments import Expected

COLUMNS = ["victim.told"]
NAMES = {("confidences",): "told confidences", ("labels",): "told labels"}

EXPECTED = [Expected({"victim.told": "confidences"}, "log10_p", -1.06, 1)]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    return bars(table, COLUMNS, NAMES)
