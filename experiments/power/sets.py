"""Sets of an owner's images, by both randomisations: power against their size, at p = .001.

The runs of `power/combined` whose whole images are compared by the raw one, by the mean
log-confidence and by the learned score (drawn): sets are drawn at random from the used and the
unused images of each run, 2,000 of each size; and those of `power/controlled`, which marks nothing
(score margin). They overlap, so the interval is over seeds only: it is as wide as the seeds differ.
"""

from pathlib import Path

import polars as pl
from experiments.power._seeds import student
from experiments.power.combined import ASKED
from matplotlib.figure import Figure

from experiments import Expected
from taggant.report import controlled

RUNS = ("power/combined", "power/controlled")
KEYS = ("score", "size", "group", "evidence", "p")
DRAWN = "learned"

USED = {"score": DRAWN, "group": "used"}
UNMARKED = {"score": "margin", "group": "used", "evidence": "controls"}
EXPECTED = [
    Expected(USED | {"evidence": "versions", "size": 5, "p": 0.001}, "claimed", 0.841, 0.12),
    Expected(USED | {"evidence": "versions", "size": 10, "p": 0.001}, "claimed", 0.996, 0.02),
    Expected(USED | {"evidence": "combined", "size": 10, "p": 1e-6}, "claimed", 1.0, 0.02),
    Expected(UNMARKED | {"size": 10, "p": 0.001}, "claimed", 1.0, 0.02),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    raw = runs.filter(pl.col(ASKED) == "raw")
    once = raw.filter(pl.col("p") == pl.col("p").max())
    tables = [
        pl.read_csv(Path(str(run["folder"])) / "sets.csv").with_columns(score=pl.lit(run["score"]))
        for run in once.iter_rows(named=True)
    ]
    rows = []
    for key, cell in pl.concat(tables).group_by(KEYS, maintain_order=True):
        mean, half = student(cell["claimed"].to_numpy())
        low, high = max(0.0, mean - half), min(1.0, mean + half)
        least, most = cell["claimed"].min(), cell["claimed"].max()
        rows.append(
            {
                **dict(zip(KEYS, key, strict=True)),
                "seeds": len(cell),
                "claimed": mean,
                "claimed_low": low,
                "claimed_high": high,
                "claimed_least": least,
                "claimed_most": most,
                "date": once["date"].max(),
            }
        )
    return pl.DataFrame(rows, orient="row")


def draw(table: pl.DataFrame) -> Figure:
    figure: Figure = controlled.sets(table.filter(score=DRAWN))
    return figure
