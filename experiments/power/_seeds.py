"""Rates over seeds, each with its own photos, secret and victim.

Victims differ by more than their images do, so intervals are Student's over the seeds' rates. Where
few seeds happen to agree, that one would cover too little: none is narrower than the exact interval
of all images put together. With one seed it is that one, and speaks of that one victim only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import t

from taggant.stats import clopper_pearson

MEANS = ("psnr", "ssim", "linf", "train_loss", "utility", "mean_queries_used")
GROUPS = (("detection_rate", "used"), ("false_detection_rate", "unused"))


def over_seeds(runs: pl.DataFrame, by: str, reference: Any) -> pl.DataFrame:
    """One row a value of `by` and p: mean rates with intervals, and more claims than a reference.

    Parameters
    ----------
    runs : DataFrame
        Rows of `taggant.report.runs.table`, one a value, p and seed.
    by : str
        What is compared.
    reference : any
        The value with which the others are compared on the same photos; ``over`` says how many more
        of the used images are claimed, ``over_low`` and ``over_high`` its interval over seeds.
    """
    rows = []
    for (value, p), cell in runs.group_by([by, "p"], maintain_order=True):
        row: dict[str, Any] = {by: value, "p": p, "seeds": len(cell)}
        for rate, group in GROUPS:
            row |= pooled(cell, rate, group)
        row |= {name: cell[name].mean() for name in MEANS}
        row |= _over(cell, runs.filter((pl.col(by) == reference) & (pl.col("p") == p)))
        rows.append(row | {"date": cell["date"].max()})
    return pl.DataFrame(rows).sort("p", "detection_rate", descending=True, maintain_order=True)


def pooled(cell: pl.DataFrame, rate: str, group: str) -> dict[str, Any]:
    """Mean of a rate over seeds, with its interval; columns `rate` and `group`, its images."""
    rates, sizes = cell[rate].to_numpy(), cell[group].to_numpy()
    exact = clopper_pearson(round(float((rates * sizes).sum())), int(sizes.sum()))
    mean, half = student(rates)
    return {
        group: int(sizes.sum()),
        rate: mean,
        f"{rate}_low": max(0.0, min(mean - half, float(exact.low))),
        f"{rate}_high": min(1.0, max(mean + half, float(exact.high))),
        f"{rate}_least": float(rates.min()),
        f"{rate}_most": float(rates.max()),
    }


def _over(cell: pl.DataFrame, reference: pl.DataFrame) -> dict[str, float | None]:
    both = cell.join(reference, on="seed", suffix="_reference")
    more = both["detection_rate"] - both["detection_rate_reference"]
    mean, half = student(more.to_numpy())
    known = len(more) > 1
    low, high = (mean - half, mean + half) if known else (None, None)
    return {"over": mean, "over_low": low, "over_high": high}


def student(values: NDArray[np.float64]) -> tuple[float, float]:
    """Mean, and half of its 95 % interval; 0 for one value, whose spread is unknown."""
    if len(values) < 2:
        return float(values.mean()), 0.0
    quantile = float(t.ppf(0.975, len(values) - 1))
    return float(values.mean()), quantile * float(values.std(ddof=1)) / len(values) ** 0.5
