"""Rates over seeds, each with its own photos, secret and victim; see `experiments.power._seeds`.

In tables of images and sets the column ``size`` says how many images of one owner are judged
together. One image alone has an interval over seeds and images; sets are drawn at random and
overlap, so that theirs is over seeds only.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from experiments.collect import curves
from experiments.power._seeds import GROUPS, pooled, student

MEANS = (
    *("train_loss", "utility", "frechet", "copies", "mean_versions_read_used"),
    *("psnr", "vae_error", "caption_loss"),
)
SHOWN = ("epoch", "size", "p", "seeds", "detection_rate", "false_detection_rate", "copies")
SIDES = ("", "_low", "_high", "_least")
NO_CURVE = "[]"
"""Of ``audit.curve`` in the table of runs."""
LEVELS = (0.05, 0.01)
"""p at which single images are judged."""


def once(runs: pl.DataFrame) -> pl.DataFrame:
    """One run a victim: those of the largest p, which tell of the others too."""
    return runs.filter(pl.col("p") == pl.col("p").max())


def over_epochs(runs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """One row a snapshot, p and value of `by`: mean rates, intervals over seeds and images."""
    victims = once(runs)
    groups = victims.select("seed", *by, "used", "unused").unique()
    table = curves(victims).join(groups, on=["seed", *by])
    return images(table, *by, "epoch").sort(*by, "p", "epoch")


def images(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Rates over seeds by p and `by`, of a table with one row a seed."""
    rows = []
    for key, cell in table.group_by([*by, "p"], maintain_order=True):
        row: dict[str, Any] = dict(zip([*by, "p"], key, strict=True))
        row["seeds"] = len(cell)
        for rate, group in GROUPS:
            row |= pooled(cell, rate, group)
        row |= {name: cell[name].mean() for name in MEANS if name in cell.columns}
        rows.append(row | {"date": cell["date"].max()})
    return pl.DataFrame(rows, infer_schema_length=None)


def sets(runs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Share of random sets of an owner's images that are claimed, by size and p, mean of seeds."""
    rows = []
    keys = (*by, "group", "size", "p")
    for key, cell in of_runs(runs, "sets.csv", *by).group_by(keys, maintain_order=True):
        mean, half = student(cell["claimed"].to_numpy())
        row: dict[str, Any] = dict(zip(keys, key, strict=True))
        row |= {"seeds": len(cell), "claimed": mean}
        known = len(cell) > 1
        row["claimed_low"] = max(0.0, mean - half) if known else None
        row["claimed_high"] = min(1.0, mean + half) if known else None
        rows.append(row | {"claimed_least": cell["claimed"].min(), "date": cell["date"].max()})
    return pl.DataFrame(rows)


def images_and_sets(runs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Rates of single images after each snapshot, and those of sets after the last.

    Where the runs' curves leave out a p of `LEVELS`, it is the rank among all versions that decides
    after the last snapshot.
    """
    curved = runs.filter(pl.col("audit.curve") != NO_CURVE)
    parts = [over_epochs(curved, *by)] if curved.height else []
    there = parts[0]["p"].unique().to_list() if parts else []
    missing = pl.col("p").is_in(LEVELS) & ~pl.col("p").is_in(there)
    ranks = of_runs(runs, "claims.csv", *by).filter(missing)
    if ranks.height:
        parts.append(images(ranks.join(facts(runs, *by), on=["seed", *by]), *by, "epoch"))
    return with_sets(pl.concat(parts, how="diagonal_relaxed"), sets(runs, *by), *by)


def by_evidence(runs: pl.DataFrame) -> pl.DataFrame:
    """Rates by kind of evidence, of audits with withheld images: of single images and of sets."""
    table = of_runs(runs, "evidence.csv").filter(pl.col("p").is_in(LEVELS))
    alone = images(table.join(facts(runs), on="seed"), "evidence", "epoch")
    return with_sets(alone, sets(runs, "evidence"), "evidence")


def facts(runs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """What is known of each victim at its end, by seed and `by`."""
    means = [name for name in MEANS if name in runs.columns]
    told = once(runs).select("seed", *by, "used", "unused", *means, epoch="victim.epochs")
    return told.unique(["seed", *by])


def with_sets(alone: pl.DataFrame, claimed: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Rates of single images, and below them those of sets (`sets`) after the last snapshot."""
    keys = [*by, "size", "p"]
    used, unused = (
        claimed.filter(group=group).select(
            *keys, "seeds", "date", *(pl.col(f"claimed{side}").alias(rate + side) for side in SIDES)
        )
        for rate, group in GROUPS
    )
    both = used.join(unused.drop("seeds", "date"), on=keys, how="left", maintain_order="left")
    both = both.with_columns(epoch=pl.lit(alone["epoch"].max()))
    alone = alone.with_columns(size=pl.lit(1, pl.Int64))
    table = pl.concat([alone, both], how="diagonal_relaxed")
    first = [*by, "epoch", "size", "p"]
    return table.select(*first, pl.exclude(*first, "date"), "date").sort(first)


def of_runs(runs: pl.DataFrame, file: str, *by: str) -> pl.DataFrame:
    """A table of each victim's run folder, beside its rows the run's seed, date and `by`.

    Of `by`, what the runs do not have is a column of the file.
    """
    victims = once(runs)
    told = victims.select("seed", "date", *(name for name in by if name in victims.columns))
    tables = [
        pl.read_csv(f"{folder}/{file}").with_columns(
            **{name: pl.lit(value) for name, value in run.items()}
        )
        for folder, run in zip(victims["folder"], told.iter_rows(named=True), strict=True)
    ]
    return pl.concat(tables, how="diagonal_relaxed")


def shown(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """What the pages show of a table of images and sets."""
    rounded = table.filter(pl.col("p") >= 0.001).with_columns(pl.selectors.float().round(3))
    return rounded.select(*by, *(name for name in SHOWN if name in table.columns))


def shown_by_evidence(table: pl.DataFrame, withheld: str, *by: str) -> pl.DataFrame:
    """What the pages show of a table `by_evidence`; ranks among withheld images go by a name."""
    kinds = {"controls": withheld, "combined": "both"}
    return shown(table.with_columns(pl.col("evidence").replace(kinds)), *by, "evidence")
