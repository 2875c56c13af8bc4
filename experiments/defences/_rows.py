"""One row a defence or a way to ask: rates of images and of sets, as means over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from experiments.power._seeds import over_seeds, student


def rows(
    runs: pl.DataFrame,
    by: str,
    reference: str,
    sets: Sequence[tuple[int, float]],
    levels: Sequence[float] = (),
) -> pl.DataFrame:
    """Rates over seeds with their intervals; an audit that is void claims nothing.

    Parameters
    ----------
    runs : DataFrame
        Rows of `taggant.report.runs.table`.
    by : str
        What is compared.
    reference : str
        The value with which the others are compared.
    sets : sequence of (int, float)
        Sizes of sets of one owner, with the level at which they are claimed.
    levels : sequence of float
        Other levels at which single images are claimed.
    """
    claims = pl.col("detection_rate", "false_detection_rate").fill_null(0.0)  # where void
    runs = runs.with_columns(claims)
    cells = runs.group_by(by, maintain_order=True)
    more = [{by: key, **_more(cell, sets, levels)} for (key,), cell in cells]
    return over_seeds(runs, by, reference).join(pl.DataFrame(more), on=by)


def _more(
    cell: pl.DataFrame, sets: Sequence[tuple[int, float]], levels: Sequence[float]
) -> dict[str, Any]:
    """Rates at other levels, and of sets."""
    row: dict[str, Any] = {}
    claims = [_table(folder, "claims.csv") for folder in cell["folder"]]
    tables = [_table(folder, "sets.csv") for folder in cell["folder"]]
    for group, rate in (("used", "detection_rate"), ("unused", "false_detection_rate")):
        for p in levels:
            row |= _spread(f"{rate}_at_{100 * p:g}", [_value(one, rate, p=p) for one in claims])
        for size, p in sets:
            of = {"size": size, "group": group, "p": p, "evidence": "versions"}
            values = [_value(table, "claimed", **of) for table in tables]
            row |= _spread(f"sets_of_{size}_at_{p}_{group}", values)
    return row


def _table(folder: object, name: str) -> pl.DataFrame | None:
    """A run's table; none of an audit that is void."""
    path = Path(str(folder)) / name
    return pl.read_csv(path) if path.exists() else None


def _value(table: pl.DataFrame | None, column: str, **where: object) -> float:
    """The one value under some conditions; 0 of an audit that is void."""
    return 0.0 if table is None else float(table.filter(**where)[column].item())


def _spread(name: str, values: list[float]) -> dict[str, float]:
    mean, half = student(pl.Series(values).to_numpy())
    return {name: mean, f"{name}_low": max(0.0, mean - half), f"{name}_high": min(1.0, mean + half)}
