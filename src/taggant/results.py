"""A tidy table of all runs: ``python -m taggant.results``.

One row a run: choices (``score``), config (``victim.lr``), metrics with their intervals, seconds.
Figures and papers start from it; it reads run folders only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

SHOWN = (
    "experiment",
    "seed",
    "p",
    "detection_rate",
    "detection_rate_low",
    "detection_rate_high",
    "false_detection_rate",
    "mean_versions_read_used",
    "utility",
    "train_loss",
)
METRIC = "detection_rate"


def table(runs: Path, all_repeats: bool = False) -> pl.DataFrame:
    """Every finished run under a folder, one row each, the oldest first.

    Parameters
    ----------
    runs : Path
        Searched to any depth for ``result.json``.
    all_repeats : bool
        Keep every repetition of the same run, not only the newest.

    Raises
    ------
    ValueError
        If there is no finished run.
    """
    rows = [dict(_row(path)) for path in sorted(runs.rglob("result.json"))]
    if not rows:
        raise ValueError(f"{runs}: no finished run (no result.json) in this folder")
    frame = pl.DataFrame(rows, infer_schema_length=None, strict=False)
    if all_repeats:
        return frame
    return frame.unique(["experiment", "digest"], keep="last", maintain_order=True)


def where(frame: pl.DataFrame, conditions: Sequence[str]) -> pl.DataFrame:
    """Rows that meet every ``column=value``.

    Raises
    ------
    ValueError
        For an unknown column, with those there are.
    """
    for condition in conditions:
        column, _, value = condition.partition("=")
        _require(frame, [column])
        frame = frame.filter(pl.col(column).cast(pl.String) == _canonical(frame, column, value))
    return frame


def over_seeds(frame: pl.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pl.DataFrame:
    """Mean, standard deviation and range of metrics over the runs of each group.

    Runs of other seeds are other models: their spread is what a single model's interval, which
    speaks of that model only, does not show.
    """
    _require(frame, [*by, *metrics])
    spread = [
        expression.alias(f"{metric}.{name}")
        for metric in metrics
        for name, expression in (
            ("mean", pl.col(metric).mean()),
            ("sd", pl.col(metric).std()),
            ("min", pl.col(metric).min()),
            ("max", pl.col(metric).max()),
        )
    ]
    seeds = pl.col("seed").n_unique().alias("seeds")
    return frame.group_by(by, maintain_order=True).agg(pl.len().alias("runs"), seeds, *spread)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 if there is nothing to tabulate."""
    base = Path(os.environ.get("TAGGANT_ROOT", "."))
    parser = argparse.ArgumentParser(prog="python -m taggant.results", description=__doc__)
    parser.add_argument("runs", nargs="?", type=Path, default=base / "runs")
    parser.add_argument("--where", nargs="+", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--by", nargs="+", default=[], metavar="COLUMN", help="pool over seeds")
    parser.add_argument("--metric", nargs="+", default=[METRIC], help="what --by pools")
    parser.add_argument("--columns", nargs="+", default=[], help="only these; a file gets all")
    parser.add_argument("--all", action="store_true", help="repetitions of a run too")
    parser.add_argument("--out", type=Path, help="write here: .parquet or .csv")
    options = parser.parse_args(arguments)
    try:
        frame = where(table(options.runs, options.all), options.where)
        if options.by:
            frame = over_seeds(frame, options.by, options.metric)
        _require(frame, options.columns)
        chosen = options.columns or (frame.columns if options.out or options.by else _told(frame))
        _put(frame.select(chosen), options.out)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _told(frame: pl.DataFrame) -> list[str]:
    """Columns to show where none are named: the main ones, and the config that differs."""
    main = [column for column in SHOWN if column in frame.columns]
    differs = [
        column
        for column in frame.columns[: frame.columns.index("p")]
        if column not in (*main, "folder", "digest") and frame[column].n_unique() > 1
    ]
    return [*main[:2], *differs, *main[2:]]


def _put(frame: pl.DataFrame, out: Path | None) -> None:
    if out is None:
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            tbl_width_chars=10_000,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
            fmt_str_lengths=60,
            float_precision=4,
        ):
            print(frame)
        return
    if out.suffix == ".parquet":
        frame.write_parquet(out)
    elif out.suffix == ".csv":
        frame.write_csv(out)
    else:
        raise ValueError(f"--out {out}: accepted are .parquet and .csv")
    print(f"{frame.height} rows, {frame.width} columns: {out}")


def _row(path: Path) -> Iterator[tuple[str, Any]]:
    """One run: where it lies, its config, its metrics, its seconds."""
    result = json.loads(path.read_text())
    config = path.with_name("config.json")
    yield "experiment", result["experiment"]
    yield "digest", result["digest"]
    yield "folder", str(path.parent)
    yield from result.get("choices", {}).items()
    if config.exists():
        yield from _flat("", json.loads(config.read_text()))
    for name, value in result["metrics"].items():
        if name.endswith("_ci"):
            low, high = value or (None, None)
            yield f"{name.removesuffix('_ci')}_low", low
            yield f"{name.removesuffix('_ci')}_high", high
        else:
            yield name, value
    for name, stage in result["stages"].items():
        yield f"seconds.{name}", stage["seconds"]
    spent = [s["seconds"] for s in result["stages"].values() if not s["cached"] and s["seconds"]]
    yield "seconds.spent", float(sum(spent))


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of nested config by dotted name; lists as their text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{prefix}.{key}" if prefix else str(key), inner)
    else:
        yield prefix, json.dumps(value) if isinstance(value, list) else value


def _canonical(frame: pl.DataFrame, column: str, value: str) -> str | None:
    """A value as the column would write it: 0.050 finds 0.05."""
    kind = frame.schema[column]
    cast = pl.Series([value]).cast(kind, strict=False) if kind.is_numeric() else pl.Series([value])
    text: str | None = cast.cast(pl.String)[0]
    return text


def _require(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    unknown = [column for column in columns if column not in frame.columns]
    if unknown:
        raise ValueError(f"no column {unknown}; there are: {', '.join(frame.columns)}")


if __name__ == "__main__":
    sys.exit(main())
