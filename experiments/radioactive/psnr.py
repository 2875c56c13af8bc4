"""Radioactive data by the strength of the mark: evidence against PSNR.

The largest change of a pixel is 2, 4, 8 or 16 grey levels of 255; a linear probe on drawings with
99 classes, 10 % of them marked.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

from experiments import Expected

EXPECTED = [
    Expected({"marking.epsilon": 2, USED: 0.1}, "log10_p", -0.65, 1),
    Expected({"marking.epsilon": 8, USED: 0.1}, "log10_p", -4.6, 2),
    Expected({"marking.epsilon": 16, USED: 0.1}, "log10_p", -10, 4),
    Expected({"marking.epsilon": 16, USED: 0.1}, "accuracy_lost", 0.003, 0.008),
]

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    marked = table.filter(pl.col(USED) > 0)
    return against(marked, "psnr", "PSNR of marked images in dB", percent=False)
