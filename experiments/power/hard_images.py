"""How many hard and easy photos are found, by versions, by withheld photos and by both.

The runs of `power/combined`, and of `power/controlled` without marks: the photos of a run are split
into quarters by the mean score that those reference models give them that did not learn from them.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from experiments.power._seeds import GROUPS, pooled
from experiments.power.combined import ASKED, NAMES, RUNS, UNMARKED
from matplotlib.figure import Figure

from experiments import Expected, plots

QUARTERS = ("hardest", "hard", "easy", "easiest")
EVIDENCE = {(RUNS[0], *key): name for key, name in NAMES.items() if key[1] == "raw"}
EVIDENCE[RUNS[1], "margin", "raw", "controls"] = UNMARKED

HARDEST = {"evidence": "both, learned", "p": 0.05, "quarter": "hardest"}
EASIEST = HARDEST | {"quarter": "easiest"}

EXPECTED = [
    Expected(HARDEST, "detection_rate", 0.97, 0.05),
    Expected(EASIEST, "detection_rate", 0.7, 0.13),
    Expected(EASIEST, "false_detection_rate", 0.12, 0.08),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    claims = [row for run in runs.iter_rows(named=True) for row in claimed(run)]
    keys = ["evidence", "p", "quarter"]
    rows = []
    for key, cell in pl.DataFrame(claims).group_by(keys, maintain_order=True):
        row = dict(zip(keys, key, strict=True)) | {"seeds": len(cell)}
        for rate, group in GROUPS:
            row |= pooled(cell, rate, group)
        rows.append(row | {"date": runs["date"].max()})
    return pl.DataFrame(rows).sort("evidence", "p", descending=[False, True], maintain_order=True)


def claimed(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Rates of one run by kind of evidence and quarter."""
    table = pl.read_parquet(Path(str(run["folder"])) / "instances.parquet")
    rows = []
    for (*of, kind), name in EVIDENCE.items():
        if of != [run["experiment"], run["score"], run[ASKED]]:
            continue
        by_quarter = table.with_columns(quarter=quarters(table["reference_score"]))
        claim = (pl.col(f"p_value_{kind}") <= run["p"]).mean()
        for number, quarter in enumerate(QUARTERS):
            row: dict[str, Any] = {"evidence": name, "p": run["p"], "quarter": quarter}
            for rate, group in GROUPS:
                some = by_quarter.filter(quarter=number, group=group)
                row |= {rate: some.select(claim).item(), group: len(some)}
            rows.append(row)
    return rows


def quarters(scores: pl.Series) -> pl.Series:
    """0 for the quarter of the smallest scores to 3 for that of the largest."""
    ranks = scores.rank("ordinal").to_numpy() - 1
    return pl.Series(np.floor(len(QUARTERS) * ranks / len(ranks)).astype(np.int64))


def draw(table: pl.DataFrame) -> Figure:
    at = table.filter(pl.col("p") == 0.05)
    named = at.with_columns(case=pl.concat_str("evidence", "quarter", separator=", "))
    return plots.categories(named, "case")
