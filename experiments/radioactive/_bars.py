"""Draws of several ways to mark or train, one below the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from taggant.report import style


def bars(
    table: pl.DataFrame, columns: Sequence[str], names: Mapping[tuple[Any, ...], str]
) -> Figure:
    """log10 p of every draw, and their median, a line for each value of `columns`."""
    fig = Figure(figsize=(style.WIDTH, 1.1 + 0.4 * table.height))
    ax = fig.subplots()
    for place, row in enumerate(table.iter_rows(named=True)):
        draws = [float(value) for value in str(row["log10_p_of_draws"]).split()]
        ax.plot(draws, [place] * len(draws), "o", color=style.USED, alpha=0.5)
        ax.plot([row["log10_p"]], [place], "|", color=style.INK, markersize=16)
    keys = table.select(columns).rows()
    ax.set_yticks(range(table.height), [names.get(key, ", ".join(map(str, key))) for key in keys])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.axvline(float(np.log10(table["p"][0])), color=style.INK, linestyle=style.DASHED, linewidth=1)
    ax.set_xlabel("log10 p: draws, and their median")
    return fig
