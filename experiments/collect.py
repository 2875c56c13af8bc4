"""From run folders to the tidy table of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from taggant.groups import compose_config
from taggant.report.runs import code_of as runs_code
from taggant.report.runs import table

BOUNDS = ("low", "high")
RATES = (
    "p",
    "used",
    "detection_rate",
    "detection_rate_low",
    "detection_rate_high",
    "unused",
    "false_detection_rate",
    "false_detection_rate_low",
    "false_detection_rate_high",
    "mean_versions_read_used",
    "mean_versions_read_unused",
    "mean_queries_used",
    "mean_queries_unused",
    "utility",
    "train_loss",
    "psnr",
    "versions",
    "train_images",
    "date",
)
"""Columns of the table of runs that nearly every figure needs."""


def newest(names: Sequence[str], runs: Path) -> pl.DataFrame:
    """The newest finished run of every swept cell of the named experiments.

    Parameters
    ----------
    names : sequence of str
        Names of ``conf/experiment/``.
    runs : Path
        Folder of all runs.

    Returns
    -------
    DataFrame
        Rows of `taggant.report.runs.table`, with the column ``date``, the swept columns first.
    """
    frames = [_newest(name, runs) for name in names]
    return pl.concat(frames, how="diagonal_relaxed")


def rates(runs: pl.DataFrame) -> pl.DataFrame:
    """The swept columns, and rates with intervals and costs: what most figures need."""
    first = runs.columns[: runs.columns.index("experiment")]
    return runs.select(*first, *(name for name in RATES if name in runs.columns))


def curves(runs: pl.DataFrame) -> pl.DataFrame:
    """Rates after each snapshot's epoch, under the swept columns: the runs' ``curves.csv``."""
    kept = [*runs.columns[: runs.columns.index("experiment")], "date"]
    frames = [
        pl.read_csv(Path(run["folder"]) / "curves.csv").select(
            *(pl.lit(run[name]).alias(name) for name in kept), pl.all()
        )
        for run in runs.iter_rows(named=True)
    ]
    table = pl.concat(frames, how="diagonal_relaxed")
    sides = (f"{rate}_{side}" for rate in ("detection", "false_detection") for side in BOUNDS)
    return table.rename({side: side.replace("detection_", "detection_rate_") for side in sides})


def swept(name: str) -> list[str]:
    """What an experiment sweeps, as columns of the table of runs."""
    config = compose_config([f"+experiment={name}"], with_hydra=True)
    return [key.lstrip("+") for key in config.hydra.sweeper.params or {}]


def _newest(name: str, runs: Path) -> pl.DataFrame:
    frame = table(runs / name, all_repeats=True).filter(pl.col("experiment") == name)
    cell = swept(name)
    unknown = [column for column in cell if column not in frame.columns]
    if unknown:
        raise ValueError(f"{name} sweeps {', '.join(unknown)}, and its runs have no such column")
    date = pl.col("folder").str.extract(r"(\d{4}-\d{2}-\d{2})_\d{2}-\d{2}-\d{2}")
    frame = frame.with_columns(date=date).unique(
        cell or ["experiment"], keep="last", maintain_order=True
    )
    return frame.select(*cell, pl.exclude(cell))


def code_of(runs: pl.DataFrame) -> dict[str, str]:
    """Digests of the code that made some runs, by module; none if one of the runs has none."""
    known = [runs_code(Path(folder)) for folder in runs["folder"]]
    found: dict[str, set[str]] = {}
    for module, digest in (item for one in known if all(known) for item in one.items()):
        found.setdefault(module, set()).add(digest)
    return {module: " ".join(sorted(digests)) for module, digests in sorted(found.items())}


def put(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV, fractions with six significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fractions = pl.selectors.float().round_sig_figs(6)
    frame.with_columns(fractions).write_csv(path)
