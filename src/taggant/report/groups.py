"""The groups that audited images fall into: what each is called, and its colour in every figure."""

from __future__ import annotations

import polars as pl

from taggant.report import style
from taggant.report.meanings import GROUPS

PART = "part"
"""Column of the instances: forgotten, retained or unused, where a model was asked to forget."""
COLOURS = {"forgotten": style.USED, "retained": style.EXTRA, "unused": style.UNUSED}
WITHOUT_REQUEST = (("used", "used", style.USED), ("unused", "not used", style.UNUSED))
"""Group as written in the tables, as said to the reader, and its colour."""


def groups(instances: pl.DataFrame) -> list[tuple[str, str, pl.DataFrame]]:
    """Name, colour and rows of each group.

    Parameters
    ----------
    instances : DataFrame
        Column group, or column part where a model was asked to forget: then those groups that
        have images, for forgotten and retained ones together say nothing of either.
    """
    if PART in instances.columns:
        rows = {name: instances.filter(pl.col(PART) == name) for name in GROUPS}
        return [(name, COLOURS[name], part) for name, part in rows.items() if part.height]
    return [
        (name, colour, instances.filter(pl.col("group") == group))
        for group, name, colour in WITHOUT_REQUEST
    ]
