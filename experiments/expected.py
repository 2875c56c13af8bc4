"""What a table must hold, and how nearly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Expected:
    """One number of a table.

    Attributes
    ----------
    where : mapping
        Column -> value, of the one row that is meant; empty for a table of one row.
    column : str
    value, tolerance : float
        Their difference from what is there may be as large as the tolerance.
    source : str
        Who says so: ``own run``, or a paper.
    """

    where: Mapping[str, Any]
    column: str
    value: float
    tolerance: float
    source: str = "own run"

    def __str__(self) -> str:
        which = ", ".join(f"{name} = {value}" for name, value in self.where.items())
        wanted = f"{self.column} {self.value:g} ± {self.tolerance:g} ({self.source})"
        return f"{which}: {wanted}" if which else wanted

    def problem(self, table: pl.DataFrame) -> str | None:
        """What is off, in a sentence; None if nothing is."""
        unknown = [name for name in (*self.where, self.column) if name not in table.columns]
        if unknown:
            return f"no column {', '.join(unknown)} in the table"
        rows = table.filter(pl.col(name).eq_missing(value) for name, value in self.where.items())
        which = ", ".join(f"{name} = {value}" for name, value in self.where.items()) or "the table"
        if rows.height != 1:
            return f"{which}: {rows.height} rows, expected is one"
        found = rows[self.column][0]
        if found is None or not abs(found - self.value) <= self.tolerance:
            return (
                f"{which}: {self.column} is {found}, expected is {self.value} ± {self.tolerance} "
                f"({self.source})"
            )
        return None
