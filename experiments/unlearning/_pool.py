"""Rates over several trained models, with intervals that speak of another training too.

Images of one model share its fate: they are a cluster. An interval is the wider one, on either
side, of the exact one of all images together, which holds if models do not differ, and Student's
over the models' rates, which holds if these are nearly normal. Of three models it is wide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from scipy.stats import t

from taggant.stats import clopper_pearson

STATUS = ("ok", "collapsed", "diverged")
SEED = "seed"
LOSS = "utility_loss"
GROUPS = ("forgotten", "retained", "unused")
"""Columns of numbers of images; a rate whose name begins with one is a share of these."""


def pooled(table: pl.DataFrame, by: Sequence[str], rates: Sequence[str]) -> pl.DataFrame:
    """One row a cell: means over seeds, intervals by cluster, the worst status.

    Parameters
    ----------
    table : DataFrame
        A row a cell and seed; each of `rates` has ``_low`` and ``_high``. Those that begin with
        one of `GROUPS` are shares of so many images a model.
    by : sequence of str
        What tells cells apart.
    rates : sequence of str
    """
    return pl.concat(
        [_cell(rows, by, rates) for _, rows in table.group_by(by, maintain_order=True)]
    )


def _cell(rows: pl.DataFrame, by: Sequence[str], rates: Sequence[str]) -> pl.DataFrame:
    means = [
        name
        for name in rows.columns
        if rows[name].dtype.is_numeric() and name not in (*by, SEED, "p", *rates)
    ]
    line = rows.select(pl.exclude(SEED)).head(1).with_columns(pl.lit(rows.height).alias("seeds"))
    columns = {n: float(rows[n].to_numpy().mean()) for n in means if not _bound(n, rates)}
    losses = rows[LOSS].to_numpy()
    columns |= {f"{LOSS}_least": float(losses.min()), f"{LOSS}_most": float(losses.max())}
    for name in rates:
        values = rows[name].to_numpy()
        low, high = interval(values, _exact(rows, name))
        columns |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
    status = max(rows["status"], key=STATUS.index)
    return line.with_columns(
        *(pl.lit(value).alias(name) for name, value in columns.items()),
        pl.lit(status).alias("status"),
        pl.lit(rows["date"].max()).alias("date"),
    )


def _bound(name: str, rates: Sequence[str]) -> bool:
    return any(name in (f"{rate}_low", f"{rate}_high") for rate in rates)


def _exact(rows: pl.DataFrame, name: str) -> tuple[float, float]:
    """The interval if models do not differ: of all images together, or of independent errors."""
    group = name.partition("_")[0]
    if group in GROUPS:
        claims = int((rows[name] * rows[group]).round().sum())
        found = clopper_pearson(claims, int(rows[group].sum()))
        return float(found.low), float(found.high)
    halves = (rows[f"{name}_high"] - rows[f"{name}_low"]).to_numpy() / 2
    mean = float(rows[name].to_numpy().mean())
    half = float(np.sqrt(np.square(halves).sum()) / rows.height)
    return mean - half, mean + half


def interval(rates: np.ndarray, exact: tuple[float, float]) -> tuple[float, float]:
    """The wider of an interval and Student's over models, at 95 %, within 0..1.

    Parameters
    ----------
    rates : float array [models]
    exact : (float, float)
        The interval if models do not differ.
    """
    mean, models = float(rates.mean()), len(rates)
    half = 0.0
    if models > 1:
        half = float(t.ppf(0.975, models - 1) * rates.std(ddof=1) / np.sqrt(models))
    return max(0.0, min(exact[0], mean - half)), min(1.0, max(exact[1], mean + half))
