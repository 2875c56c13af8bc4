"""A tidy table of all runs: ``python -m taggant.report runs``.

One row a run: its name, choices (``score``), config (``victim.lr``), metrics with their intervals,
seconds; whether the code has changed since. Figures and papers start from it; it reads run folders
only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl

from taggant import code
from taggant.configs import Plain
from taggant.report.flat import flat, flat_metrics
from taggant.report.folder import SCHEMA

SHOWN = (
    "experiment",
    "name",
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
CODE = "code"
CHANGED = "changed"
"""In the column `CODE`: the run was made by other code than there is now."""
NO_RESULT = ("logger", "paths")
"""Choices that no result depends on: runs that differ in nothing else are repetitions."""

NOTHING: Plain = {}
Part = TypeVar("Part")


class NotARunError(ValueError):
    """A ``result.json`` that is incomplete, or was not written by this package."""


def table(runs: Path, all_repeats: bool = False) -> pl.DataFrame:
    """Every finished run under a folder, one row each, the oldest first.

    A record that cannot be read is named on the standard error stream and left out.

    Parameters
    ----------
    runs : Path
        Searched to any depth for ``result.json``.
    all_repeats : bool
        Keep every repetition of a run - same name, choices, config and results' digest - not only
        the newest.

    Raises
    ------
    ValueError
        If there is no finished run.
    """
    rows = [row for path in sorted(runs.rglob("result.json")) if (row := _read(path))]
    if not rows:
        raise ValueError(f"{runs}: no finished run (no readable result.json) in this folder")
    found = pl.DataFrame(
        [setup | rest for setup, rest in rows], infer_schema_length=None, strict=False
    )
    if all_repeats:
        return found
    asked = {column for setup, _ in rows for column in setup} - set(NO_RESULT)
    same = [column for column in found.columns if column in asked]
    return found.unique(same, keep="last", maintain_order=True)


def where(frame: pl.DataFrame, conditions: Sequence[str]) -> pl.DataFrame:
    """Rows that meet every ``column=value``; ``null`` is a value like any other.

    Raises
    ------
    ValueError
        For an unknown column, or a value that no row has, with those there are; for a condition
        without ``=``.
    """
    for condition in conditions:
        column, equals, value = (part.strip() for part in condition.partition("="))
        if not equals:
            raise ValueError(f"--where {condition}: accepted is COLUMN=VALUE")
        _require(frame, [column])
        there = frame[column].unique(maintain_order=True).to_list()
        met = [_is(known, value) for known in frame[column]]
        if not any(met):
            known = ", ".join(sorted(_text(known) for known in there))
            raise ValueError(f"--where {condition}: no run has it; there are {column} = {known}")
        frame = frame.filter(pl.Series(met))
    return frame


def over_seeds(frame: pl.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pl.DataFrame:
    """Mean, standard deviation and range of metrics over the runs of each group.

    Runs of other seeds are other models: their spread is what a single model's interval, which
    speaks of that model only, does not show. Runs of equal results' digest count once.

    Raises
    ------
    ValueError
        For an unknown column, or a metric that is no number.
    """
    _require(frame, [*by, *metrics])
    kinds = frame.schema
    for metric in metrics:
        if not (kinds[metric].is_numeric() or kinds[metric] in (pl.Boolean, pl.Null)):
            value = frame[metric].drop_nulls()[0]
            raise ValueError(f"--metric {metric}: {_text(value)!r} is no number")
    spread = [
        getattr(pl.col(metric).cast(pl.Float64), name)().alias(f"{metric}.{short}")
        for metric in metrics
        for name, short in (("mean", "mean"), ("std", "sd"), ("min", "min"), ("max", "max"))
    ]
    seeds = pl.col("seed").n_unique().alias("seeds")
    once = frame.unique([*by, "digest"], keep="last", maintain_order=True)
    return once.group_by(by, maintain_order=True).agg(pl.len().alias("runs"), seeds, *spread)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 2 if there is nothing to tabulate."""
    base = Path(os.environ.get("TAGGANT_ROOT", "."))
    parser = argparse.ArgumentParser(prog="python -m taggant.report runs", description=__doc__)
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
        _tell_age(frame)
        if options.by:
            frame = over_seeds(frame, options.by, options.metric)
        _require(frame, options.columns)
        chosen = options.columns or (frame.columns if options.out or options.by else _told(frame))
        _put(frame.select(chosen), options.out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def code_of(folder: Path) -> dict[str, str]:
    """Digests of the code that made a run, by module; empty where they were not noted."""
    known = _part(_object(folder / "result.json"), CODE, NOTHING)
    if not all(isinstance(digest, str) for digest in known.values()):
        raise NotARunError(f"its {CODE!r} holds more than text")
    return dict(known)


def _tell_age(frame: pl.DataFrame) -> None:
    """Print how many runs were made by code that has changed since."""
    older, unknown = (int((frame[CODE].fill_null("") == value).sum()) for value in (CHANGED, ""))
    if older:
        print(
            f"{older} of {frame.height} runs were made by code that has changed since (column "
            f"{CODE}); the same commands make them anew",
            file=sys.stderr,
        )
    if unknown:
        print(f"{unknown} of {frame.height} runs do not say what code made them", file=sys.stderr)


def _told(frame: pl.DataFrame) -> list[str]:
    """Columns to show where none are named: the main ones, and the choices that differ."""
    main = [column for column in SHOWN if column in frame.columns]
    differs = [
        column
        for column in frame.columns[: frame.columns.index("p")]
        if column not in (*main, "folder", "digest") and frame[column].n_unique() > 1
    ]
    return [*main[:3], *differs, *main[3:]]


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


def _read(path: Path) -> tuple[dict[str, object], dict[str, object]] | None:
    """A run's setup, and what else is known of it; for another file None, and a line on stderr."""
    try:
        return _row(path)
    except (NotARunError, OSError, ValueError) as error:
        print(f"left out: {path}: {error}", file=sys.stderr)
        return None


def _row(path: Path) -> tuple[dict[str, object], dict[str, object]]:
    result = _object(path)
    if result.get("schema") != SCHEMA:
        raise NotARunError(f"schema {result.get('schema')!r}; accepted: {SCHEMA}")
    choices = _part(result, "choices", NOTHING)
    setup = {"experiment": choices.get("experiment")}
    setup |= {"name": _part(result, "experiment", ""), "digest": _part(result, "digest", "")}
    config = path.with_name("config.json")
    known: list[tuple[str, Iterable[tuple[str, object]]]] = [("choices", choices.items())]
    if config.exists():
        known.append(("config", [item for item in flat(_object(config)) if item[0] != "name"]))
    for source, items in known:
        for key, value in items:
            if key != "experiment":
                setup[_free(key, source, setup)] = value
    rest: dict[str, object] = {"folder": str(path.parent), CODE: _age(code_of(path.parent))}
    for key, value in (*flat_metrics(_part(result, "metrics", NOTHING)), *_seconds(result)):
        rest[_free(key, "metrics", setup)] = value
    return setup, rest


def _age(known: Mapping[str, str]) -> str | None:
    return (CHANGED if code.changed(known) else "same") if known else None


def _seconds(result: Plain) -> Iterator[tuple[str, object]]:
    spent = 0.0
    for name, stage in _part(result, "stages", NOTHING).items():
        if not isinstance(stage, Mapping) or not {"seconds", "cached"} <= set(stage):
            raise NotARunError(f"stage {name!r} has no seconds")
        yield f"seconds.{name}", stage["seconds"]
        spent += 0.0 if stage["cached"] else float(stage["seconds"] or 0.0)
    yield "seconds.spent", spent


def _object(path: Path) -> Plain:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise NotARunError(f"{path.name} holds a {type(found).__name__}, no object")
    return found


def _part(result: Plain, key: str, default: Part) -> Part:
    """An entry of a record; NotARunError if it is not of the default's type."""
    value = result.get(key, default if key in ("choices", CODE) else None)
    if not isinstance(value, type(default)):
        raise NotARunError(f"its {key!r} is {value!r}")
    return value


def _free(key: str, source: str, taken: Plain) -> str:
    """A column's name, with `source` before it if the name is taken."""
    return f"{source}.{key}" if key in taken else key


def _is(known: object, asked: str) -> bool:
    """Whether a value is the one that somebody typed: 0.050 is 0.05, True is true."""
    if known is None:
        return asked.lower() in ("null", "none", "~")
    if isinstance(known, bool):
        return asked.lower() == str(known).lower()
    if asked == known:
        return True
    try:
        return bool(_parsed(asked) == _parsed(str(known)))
    except ValueError:
        return False


def _parsed(value: str) -> object:
    """A number, or a list written as text; two spellings of one value are equal."""
    try:
        return float(value)
    except ValueError:
        return json.loads(value)


def _text(value: object) -> str:
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _require(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    unknown = [column for column in columns if column not in frame.columns]
    if unknown:
        raise ValueError(f"no column {unknown}; there are: {', '.join(frame.columns)}")
