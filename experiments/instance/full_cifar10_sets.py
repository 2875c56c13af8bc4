"""All of CIFAR-10 with augmentation: sets of one owner's photos.

The victims of `instance/full_cifar10` after their last epoch, read to the end of 200 versions.
Sets are drawn at random from the used and the unused photos, 2,000 of each size, and claimed by
Fisher's combination of exact p-values; they overlap, so the shares have no interval.
"""

from pathlib import Path

import polars as pl

from experiments import Expected
from taggant.numbers import percent

EXPECTED = [
    Expected({"seed": 0, "size": 50, "group": "used", "p": 0.01}, "claimed", 0.617, 0.2),
    Expected({"seed": 1, "size": 50, "group": "used", "p": 0.01}, "claimed", 0.427, 0.2),
    Expected({"seed": 0, "size": 50, "group": "unused", "p": 0.01}, "claimed", 0.003, 0.02),
]
LEVELS = (0.05, 0.01, 0.001)


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    once = runs.filter(pl.col("audit/test") == "optimal")
    tables = [
        pl.read_csv(Path(str(run["folder"])) / "sets.csv").select(
            pl.lit(run["seed"]).alias("seed"), pl.all(), pl.lit(run["date"]).alias("date")
        )
        for run in once.iter_rows(named=True)
    ]
    return pl.concat(tables)


def draw(table: pl.DataFrame) -> pl.DataFrame:
    """One row a seed and size, the share of sets claimed at each p."""
    rows = []
    for (seed, size), cell in table.group_by("seed", "size", maintain_order=True):
        row = {"seed": str(seed), "photos": str(size)}
        for group in ("used", "unused"):
            for p in LEVELS:
                found = cell.filter(pl.col("group") == group, pl.col("p") == p)["claimed"]
                row[f"{group}, p = {percent(p)}"] = percent(found.item())
        rows.append(row)
    return pl.DataFrame(rows)
