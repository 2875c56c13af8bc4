"""Radioactive data by the strength of the mark: evidence against PSNR.

The largest change of a pixel is 2, 4, 8 or 16 grey levels of 255; a linear probe on drawings with
99 classes, 10 % of them marked.
"""

import polars as pl
from experiments.radioactive._power import USED, against, pooled
from matplotlib.figure import Figure

collect = pooled


def draw(table: pl.DataFrame) -> Figure:
    marked = table.filter(pl.col(USED) > 0)
    return against(marked, "psnr", "PSNR of marked images in dB", percent=False)
