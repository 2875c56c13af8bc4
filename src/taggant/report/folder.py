"""A finished run as the report reads it: the files of its folder, checked, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from taggant.configs import Plain

SCHEMA = 1

METRICS = (
    "p",
    "detection_rate",
    "detection_rate_ci",
    "used",
    "false_detection_rate",
    "false_detection_rate_ci",
    "unused",
)
SET_METRICS = ("p", "log10_p", "claim", "marked_fraction", "utility")
SETTING = ("experiment", "data", "n", "secret")
SECRETS = ("file", "simulated")
INSTANCES = ("id", "group", "exceedances", "versions_read", "queries", "claim", "p_value")
_RATES = (
    "p",
    "detection_rate",
    "detection_low",
    "detection_high",
    "false_detection_rate",
    "false_detection_low",
    "false_detection_high",
)
CURVES = ("epoch", *_RATES, "train_loss", "utility")
CLAIMS = _RATES
BY_KIND = ("evidence", *_RATES)
SETS = ("size", "group", "evidence", "p", "claimed")
EVIDENCE = ("epoch", "log10_p", "utility")
CLASSES = ("class", "cosine")
CONTROLS = ("log10_p",)


class RunFolderError(ValueError):
    """A run folder lacks a file, or one of its files does not say what it should."""


@dataclass(frozen=True)
class Samples:
    """A few images before and after marking.

    Attributes
    ----------
    raw, published : ndarray
        uint8 [k, C, H, W], pixel values 0..255, C = 1 or 3.
    """

    raw: NDArray[np.uint8]
    published: NDArray[np.uint8]


@dataclass(frozen=True)
class Folder:
    """What every run leaves behind.

    Attributes
    ----------
    path : Path
        The folder.
    result : mapping
        ``result.json``: schema, experiment, digest, stages, metrics.
    context : mapping
        ``context.json``: the setting, for the reader; nothing is computed from it but n.
    samples : Samples or None
        Raw and published images; None when the run kept none.
    """

    path: Path
    result: Plain
    context: Plain
    samples: Samples | None

    @property
    def metrics(self) -> Plain:
        """``metrics`` of ``result.json``."""
        found: Plain = self.result["metrics"]
        return found


@dataclass(frozen=True)
class RunFolder(Folder):
    """What a run that audits images one by one left behind.

    Attributes
    ----------
    instances : DataFrame
        One row per audited instance (`INSTANCES`).
    curves : DataFrame or None
        Rates over epochs (`CURVES`); None when the run kept no snapshots.
    claims : DataFrame or None
        Rates over p (`CLAIMS`) of the rank test; None when not every version was read.
    evidence : DataFrame or None
        Rates over p by kind of evidence (`BY_KIND`), of controlled publication.
    sets : DataFrame or None
        Share of an owner's sets claimed (`SETS`), of controlled publication.
    """

    instances: pl.DataFrame
    curves: pl.DataFrame | None
    claims: pl.DataFrame | None
    evidence: pl.DataFrame | None = None
    sets: pl.DataFrame | None = None

    @property
    def ranks_complete(self) -> bool:
        """Whether every instance was read to the end.

        Ranks of only those that were are a biased choice: an audit that stops early stops by rank.
        """
        return self.instances.height > 0 and self.instances["exceedances"].null_count() == 0


@dataclass(frozen=True)
class SetFolder(Folder):
    """What a run that audits a whole set left behind.

    Attributes
    ----------
    curve : DataFrame or None
        The set's p-value over epochs (`EVIDENCE`); None when the run kept no snapshots.
    classes : DataFrame or None
        Evidence class by class (`CLASSES`), where the audit has it.
    controls : DataFrame or None
        p-values of secrets that marked nothing (`CONTROLS`), where there were any.
    """

    curve: pl.DataFrame | None
    classes: pl.DataFrame | None
    controls: pl.DataFrame | None


def load(path: Path) -> RunFolder | SetFolder:
    """Read and check the folder of a finished run.

    Raises
    ------
    RunFolderError
        If the folder, ``result.json``, ``context.json`` or, of an audit image by image,
        ``instances.parquet`` is missing, or if any file that is there cannot be read or lacks a
        column or key. Other files may be missing; a table without rows counts as missing.
    """
    if not path.is_dir():
        raise RunFolderError(f"{path} is not a folder; expected the folder of a finished run")
    result = _json(path / "result.json", ("stages", "metrics"))
    if result.get("schema") != SCHEMA:
        raise RunFolderError(
            f"{path / 'result.json'}: schema {result.get('schema')!r}; accepted: {SCHEMA}"
        )
    whole = "log10_p" in result["metrics"]
    needed = SET_METRICS if whole else METRICS
    _require(path / "result.json", "metric", needed, result["metrics"])
    context = _json(path / "context.json", SETTING)
    if context["secret"] not in SECRETS:
        raise RunFolderError(
            f"{path / 'context.json'}: secret {context['secret']!r}; accepted: {', '.join(SECRETS)}"
        )
    common = path, result, context, _samples(path / "samples.safetensors")
    if whole:
        return SetFolder(
            *common,
            curve=_numbers(path / "log10_p.csv", EVIDENCE),
            classes=_optional(path / "classes.parquet", CLASSES),
            controls=_optional(path / "controls.parquet", CONTROLS),
        )
    return RunFolder(
        *common,
        instances=_table(path / "instances.parquet", pl.read_parquet, INSTANCES),
        curves=_numbers(path / "curves.csv", CURVES),
        claims=_numbers(path / "claims.csv", CLAIMS),
        evidence=_optional(path / "evidence.csv", BY_KIND, pl.read_csv),
        sets=_optional(path / "sets.csv", SETS, pl.read_csv),
    )


def _json(path: Path, keys: tuple[str, ...]) -> Plain:
    _must_exist(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise RunFolderError(f"{path}: holds a {type(value).__name__}, expected an object")
    _require(path, "key", keys, value)
    return value


def _table(
    path: Path, read: Callable[[Path], pl.DataFrame], columns: tuple[str, ...]
) -> pl.DataFrame:
    _must_exist(path)
    try:
        table = read(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RunFolderError(f"{path}: cannot be read ({error})") from error
    _require(path, "column", columns, table.columns)
    return table


def _optional(
    path: Path, columns: tuple[str, ...], read: Callable[[Path], pl.DataFrame] = pl.read_parquet
) -> pl.DataFrame | None:
    return _table(path, read, columns) if path.exists() else None


def _numbers(path: Path, columns: tuple[str, ...]) -> pl.DataFrame | None:
    if not path.exists():
        return None
    # Every column is a number; an empty cell is a measurement that was not made. No types are
    # inferred: a column that starts with whole numbers may go on with fractions.
    table = _table(path, partial(pl.read_csv, infer_schema=False), columns)
    try:
        table = table.with_columns(pl.col(columns).cast(pl.Float64))
    except pl.exceptions.InvalidOperationError as error:
        raise RunFolderError(f"{path}: a cell is no number ({error})") from error
    return table if table.height else None


def _samples(path: Path) -> Samples | None:
    if not path.exists():
        return None
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise RunFolderError(f"{path}: cannot be read ({error})") from error
    _require(path, "tensor", ("raw", "published"), tensors)
    raw, published = tensors["raw"], tensors["published"]
    for name, images in (("raw", raw), ("published", published)):
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise RunFolderError(
                f"{path}: {name} is {images.dtype} {list(images.shape)}; "
                "expected uint8 [k, C, H, W] with C = 1 or 3"
            )
    if raw.shape != published.shape:
        raise RunFolderError(
            f"{path}: raw is {list(raw.shape)} but published {list(published.shape)}"
        )
    return Samples(raw, published) if len(raw) else None


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise RunFolderError(f"{path.name} is missing in {path.parent}; has the run finished?")


def _require(path: Path, kind: str, names: tuple[str, ...], there: object) -> None:
    if not hasattr(there, "__contains__"):
        raise RunFolderError(f"{path}: expected named {kind}s, found {there!r}")
    missing = [name for name in names if name not in there]
    if missing:
        raise RunFolderError(
            f"{path}: {kind} {', '.join(map(repr, missing))} missing; expected {', '.join(names)}"
        )
