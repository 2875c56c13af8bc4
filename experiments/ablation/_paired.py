"""Rates over several trained models, and differences to a reference on the same images.

Two images of one model are as good as independent, two claims on one image by models of other seeds
are not: intervals are normal ones over images, of each image's mean over the seeds. They speak of
the models trained, not of those that might have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from scipy.stats import norm

Z = float(norm.ppf(0.975))
MEANS = ("detection_rate", "false_detection_rate", "psnr", "ssim", "train_loss", "utility")


def pooled(runs: pl.DataFrame, by: Sequence[str], references: Sequence[Any]) -> pl.DataFrame:
    """One row a cell: means over seeds, their range, and claims less those of a reference.

    Parameters
    ----------
    runs : DataFrame
        Rows of `taggant.report.runs.table`.
    by : sequence of str
        What tells cells apart; the last one is what is compared, within the others.
    references : sequence
        Values of the last of `by`; column ``over_<value>`` with ``_low`` and ``_high`` says how
        many more of the used images are claimed.
    """
    claims = _claims(runs, by)
    rate = pl.col("detection_rate")
    table = runs.group_by(by, maintain_order=True).agg(
        pl.col("p").first(),
        pl.len().alias("seeds"),
        pl.col("used").first(),
        pl.col("unused").first(),
        *(pl.col(name).mean() for name in MEANS),
        rate.min().alias("detection_rate_least"),
        rate.max().alias("detection_rate_most"),
        pl.col("date").max(),
    )
    for name, group in (("detection_rate", "used"), ("false_detection_rate", "unused")):
        table = table.join(_interval(claims.filter(group=group), by, name), on=by)
    for reference in references:
        table = table.join(_over(claims.filter(group="used"), by, reference), on=by)
    return table


def _claims(runs: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    return pl.concat(_claims_of(run, by) for run in runs.iter_rows(named=True))


def _claims_of(run: dict[str, Any], by: Sequence[str]) -> pl.DataFrame:
    rows = pl.read_parquet(Path(run["folder"]) / "instances.parquet")
    keys = (pl.lit(run[key]).alias(key) for key in (*by, "seed"))
    return rows.select(*keys, "id", "group", pl.col("claim").cast(pl.Float64))


def _over(claims: pl.DataFrame, by: Sequence[str], reference: Any) -> pl.DataFrame:
    *within, compared = by
    same = [*within, "seed", "id"]
    theirs = claims.filter(pl.col(compared) == reference).select(*same, theirs="claim")
    both = claims.join(theirs, on=same).with_columns(claim=pl.col("claim") - pl.col("theirs"))
    name = f"over_{reference}"
    return _interval(both, by, name).join(_mean(both, by, name), on=by)


def _mean(claims: pl.DataFrame, by: Sequence[str], name: str) -> pl.DataFrame:
    return claims.group_by(by, maintain_order=True).agg(pl.col("claim").mean().alias(name))


def _interval(claims: pl.DataFrame, by: Sequence[str], name: str) -> pl.DataFrame:
    """``<name>_low`` and ``<name>_high`` of a mean of claims, images drawn as clusters of them."""
    images = claims.group_by([*by, "id"]).agg(pl.col("claim").sum(), models=pl.len())
    models = pl.col("models").sum()
    mean = pl.col("claim").sum() / models
    residual = pl.col("claim") - mean * pl.col("models")
    half = Z * (residual**2).sum().sqrt() / models
    return images.group_by(by, maintain_order=True).agg(
        (mean - half).alias(f"{name}_low"), (mean + half).alias(f"{name}_high")
    )
