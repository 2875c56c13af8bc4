"""Rates over seeds, each with its own photos, secret and victim; see `experiments.power._seeds`."""

from __future__ import annotations

from typing import Any

import polars as pl
from experiments.collect import curves
from experiments.power._seeds import GROUPS, pooled, student

MEANS = ("train_loss", "utility", "frechet", "copies", "mean_versions_read_used")


def once(runs: pl.DataFrame) -> pl.DataFrame:
    """One run a victim: those of the largest p, which tell of the others too."""
    return runs.filter(pl.col("p") == pl.col("p").max())


def over_epochs(runs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """One row a snapshot, p and value of `by`: mean rates, intervals over seeds and images."""
    victims = once(runs)
    groups = victims.select("seed", *by, "used", "unused").unique()
    table = curves(victims).join(groups, on=["seed", *by])
    rows = []
    for key, cell in table.group_by([*by, "epoch", "p"], maintain_order=True):
        row: dict[str, Any] = dict(zip([*by, "epoch", "p"], key, strict=True))
        row["seeds"] = len(cell)
        for rate, group in GROUPS:
            row |= pooled(cell, rate, group)
        row |= {name: cell[name].mean() for name in MEANS}
        rows.append(row | {"date": cell["date"].max()})
    return pl.DataFrame(rows).sort(*by, "p", "epoch")


def sets(runs: pl.DataFrame) -> pl.DataFrame:
    """Share of random sets of an owner's images that are claimed, by size and p, mean of seeds."""
    victims = once(runs)
    tables = [pl.read_csv(f"{folder}/sets.csv") for folder in victims["folder"]]
    rows = []
    keys = ("group", "size", "p")
    for key, cell in pl.concat(tables).group_by(keys, maintain_order=True):
        mean, half = student(cell["claimed"].to_numpy())
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row |= {"seeds": len(cell), "claimed": mean}
        known = len(cell) > 1
        row["claimed_low"] = max(0.0, mean - half) if known else None
        row["claimed_high"] = min(1.0, mean + half) if known else None
        rows.append(row | {"claimed_least": cell["claimed"].min(), "date": victims["date"].max()})
    return pl.DataFrame(rows)
