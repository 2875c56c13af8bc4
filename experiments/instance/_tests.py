"""What the small presets share: a row a test, the papers' beside ours on one reading."""

from __future__ import annotations

import polars as pl

from taggant.numbers import interval, percent, quantity

TEST = "audit/test"


def rate(row: dict[str, float], name: str) -> str:
    """A rate with its interval."""
    return f"{percent(row[name])} [{interval([row[f'{name}_low'], row[f'{name}_high']])}]"


def compared(table: pl.DataFrame, utility: str) -> pl.DataFrame:
    """One row a test.

    Parameters
    ----------
    table : DataFrame
        As `experiments.collect.rates` makes it.
    utility : str
        What the victim's utility is.
    """
    return pl.DataFrame(
        {
            "test": row[TEST],
            "used images claimed": rate(row, "detection_rate"),
            "unused images claimed": rate(row, "false_detection_rate"),
            "hidden versions read, used": quantity(row["mean_versions_read_used"]),
            "hidden versions read, unused": quantity(row["mean_versions_read_unused"]),
            utility: percent(row["utility"]),
        }
        for row in table.iter_rows(named=True)
    )
