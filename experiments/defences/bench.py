"""What hides use, and what it costs: audits of photos against 36 ways to train and to answer.

One row a defence: single images at p = .05 and .01, sets of 10 and 50 images of one owner at .05
and .001, and the accuracy that it costs. All victims but the first group
are trained anew; what stands behind a trained model shares one victim a seed. Intervals are over
seeds. An audit that is void, since answers change from question to question, claims nothing.
"""

from pathlib import Path
from typing import Any

import polars as pl
from experiments.power._seeds import over_seeds, student
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = tuple(
    f"defences/{name}"
    for name in (
        *("deployed", "augmented", "mixed", "smoothed", "stopped"),
        *("private", "distilled", "mislabelled", "diffused", "split"),
    )
)
NONE = "none"
NAMED = ("defence", "victim/augment", "victim/mix")
NUMBERS = {
    "victim.label_smoothing": "smoothed labels",
    "victim.patience": "early stopping",
    "victim.noise_multiplier": "DP-SGD, noise",
    "victim.told": "distilled,",
    "victim.label_noise": "wrong labels",
    "victim.without": "split ensemble, without",
}
SETS = ((10, 0.05), (10, 0.001), (50, 0.05), (50, 0.001))

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    claims = pl.col("detection_rate", "false_detection_rate").fill_null(0.0)  # where void
    named = runs.with_columns(claims, defence=_names(runs))
    table = over_seeds(named, "defence", NONE)
    more = [_more(key, cell) for (key,), cell in named.group_by("defence", maintain_order=True)]
    joined = table.join(pl.DataFrame(more), on="defence")
    bare = joined.filter(pl.col("defence") == NONE)["utility"].item()
    return joined.with_columns(accuracy_lost=bare - pl.col("utility"))


def _names(runs: pl.DataFrame) -> pl.Expr:
    parts = [pl.col(name).cast(pl.String) for name in NAMED if name in runs.columns]
    for key, name in NUMBERS.items():
        if key in runs.columns:
            parts.append(pl.format(f"{name} {{}}", pl.col(key).cast(pl.String)))
    return pl.coalesce(*parts)


def _more(defence: object, cell: pl.DataFrame) -> dict[str, Any]:
    """Rates at the other level, and of sets, as means over seeds with their spread."""
    row: dict[str, Any] = {"defence": defence}
    claims = [_table(folder, "claims.csv") for folder in cell["folder"]]
    sets = [_table(folder, "sets.csv") for folder in cell["folder"]]
    for group, rate in (("used", "detection_rate"), ("unused", "false_detection_rate")):
        row |= _spread(f"{rate}_at_1", [_value(table, rate, p=0.01) for table in claims])
        for size, p in SETS:
            of = {"size": size, "group": group, "p": p, "evidence": "versions"}
            row |= _spread(
                f"sets_of_{size}_at_{p}_{group}", [_value(t, "claimed", **of) for t in sets]
            )
    return row


def _table(folder: object, name: str) -> pl.DataFrame | None:
    """A run's table; none of an audit that is void."""
    path = Path(str(folder)) / name
    return pl.read_csv(path) if path.exists() else None


def _value(table: pl.DataFrame | None, column: str, **where: object) -> float:
    """The one value under some conditions; 0 of an audit that is void."""
    return 0.0 if table is None else float(table.filter(**where)[column].item())


def _spread(name: str, values: list[float]) -> dict[str, float]:
    found = pl.Series(values)
    mean, half = student(found.to_numpy())
    return {name: mean, f"{name}_low": max(0.0, mean - half), f"{name}_high": min(1.0, mean + half)}


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.sort("detection_rate"), "defence")
