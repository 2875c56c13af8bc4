"""Carrier draws of the same cell, pooled: evidence, claims, and what marking costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from experiments.plots import MARKERS, PALETTE, panels, sides
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from scipy.stats import t

from taggant.report import style
from taggant.report.intervals import band
from taggant.stats import clopper_pearson

USED = "marking.used"
FACTS = ("p", "classes", "train_images", "marker_features", "date")
MEANS = (
    "control_rate",
    "queries",
    "mean_cosine",
    "train_loss",
    "psnr",
    "ssim",
    "alignment_unexplained",
    "loss_gap",
)


def pooled(runs: pl.DataFrame) -> pl.DataFrame:
    """One row a cell of the sweep, whose ``seed`` draws carriers, marked images and training.

    Columns: the swept ones but ``seed``; ``draws``; log10 p of every draw, their median, smallest
    and largest; claims at p with their exact interval; how often carriers that marked nothing were
    claimed; accuracy, and with a 0 % control of the same seeds what marking costs of it, with the
    95 % t-interval of the paired differences.
    """
    cell = [name for name in runs.columns[: runs.columns.index("experiment")] if name != "seed"]
    rows = [
        {**dict(zip(cell, key, strict=True)), **_evidence(part), **_accuracy(part)}
        for key, part in _parts(runs, cell)
    ]
    costs = [dict(_cost(runs, cell, key, part)) for key, part in _parts(runs, cell)]
    both = [row | cost for row, cost in zip(rows, costs, strict=True)]
    return pl.DataFrame(both, infer_schema_length=None)


def _parts(runs: pl.DataFrame, cell: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if not cell:
        yield (), runs.sort("seed")
        return
    yield from runs.sort([*cell, "seed"]).group_by(cell, maintain_order=True)


def _evidence(part: pl.DataFrame) -> dict[str, Any]:
    found = part["log10_p"].to_numpy()
    claims = int(part["claim"].sum())
    interval = clopper_pearson(claims, part.height)
    black = "black_box_p" in part.columns and part["black_box_p"].null_count() == 0
    return {
        "draws": part.height,
        "log10_p": float(np.median(found)),
        "log10_p_low": float(found.min()),
        "log10_p_high": float(found.max()),
        "log10_p_of_draws": _text(found, 2),
        "claims": claims,
        "claim_rate_low": float(interval.low),
        "claim_rate_high": float(interval.high),
        **({"black_box_p_of_draws": _text(part["black_box_p"].to_numpy(), 3)} if black else {}),
        **({"black_box_p": float(np.median(part["black_box_p"].to_numpy()))} if black else {}),
    }


def _accuracy(part: pl.DataFrame) -> dict[str, Any]:
    facts = {name: part[name][0] for name in FACTS if name in part.columns}
    there = [name for name in MEANS if name in part.columns and part[name].null_count() == 0]
    means = {name: float(part[name].to_numpy().mean()) for name in there}
    return {"utility": float(part["utility"].to_numpy().mean()), **means, **facts}


def _cost(
    runs: pl.DataFrame, cell: Sequence[str], key: Sequence[Any], part: pl.DataFrame
) -> Iterator[tuple[str, Any]]:
    """Accuracy lost against the control of the same cell, seed by seed."""
    names = ("accuracy_lost", "accuracy_lost_low", "accuracy_lost_high")
    if USED not in cell:
        return
    control = _alike(runs, dict(zip(cell, key, strict=True)) | {USED: 0.0})
    if not control.height:
        return
    pairs = part.join(control.select("seed", "utility"), on="seed", suffix="_control")
    lost = (pairs["utility_control"] - pairs["utility"]).to_numpy()
    mean, half = float(lost.mean()), 0.0
    if len(lost) > 1:
        quantile = float(t.ppf(0.975, len(lost) - 1))
        half = quantile * float(lost.std(ddof=1)) / len(lost) ** 0.5
    yield from zip(names, (mean, mean - half, mean + half), strict=True)


def _alike(table: pl.DataFrame, values: Mapping[str, Any]) -> pl.DataFrame:
    """Rows with the given values."""
    return table.filter(
        pl.lit(value=True), *(pl.col(name).eq_missing(value) for name, value in values.items())
    )


def _text(values: NDArray[np.float64], digits: int) -> str:
    return " ".join(f"{value:.{digits}f}" for value in values)


def against(
    table: pl.DataFrame,
    x: str,
    label: str,
    by: Sequence[str] = (),
    names: Mapping[tuple[Any, ...], str] | None = None,
    *,
    percent: bool = True,
) -> Figure:
    """Median log10 p with its range over draws, and accuracy below.

    Parameters
    ----------
    table : DataFrame
        One row a value of `x` and of the columns `by`.
    x, label : str
        Column, and what the axis says.
    by : sequence of str
        Columns whose values get a colour each.
    names : mapping, optional
        How these values are called.
    percent : bool
        Whether `x` is a share.
    """
    fig, (upper, lower) = panels(True)
    keys = table.select(by).unique(maintain_order=True).rows() if by else [()]
    for key, colour, marker in zip(keys, PALETTE, MARKERS, strict=False):
        rows = _alike(table, dict(zip(by, key, strict=True))).sort(x)
        places = rows[x].to_numpy()
        said = (names or {}).get(key, ", ".join(map(str, key)))
        band(upper, places, *sides(rows, "log10_p"), colour, marker, said)
        lower.plot(places, rows["utility"], color=colour, marker=marker)
    upper.axhline(
        float(np.log10(table["p"][0])), color=style.INK, linestyle=style.DASHED, linewidth=1
    )
    upper.set_ylabel("log10 p: median and range of draws")
    if by:
        upper.legend(loc="best")
    lower.set_title("Test accuracy")
    lower.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    lower.set_xlabel(label)
    if percent:
        lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    return fig
