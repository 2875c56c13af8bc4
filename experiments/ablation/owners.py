"""Owners: several people with ten images each audit one model.

Marks and published version of an image follow from a key of its own, derived from the run's secret,
so owners know nothing of each other. Above, images claimed one by one; below, owners who were not
used and claim all the same: with any of their ten images at 5 % each (dotted: what independence
makes of it), with Holm's correction over the ten, and with one test of the ten as a set.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from experiments.collect import BOUNDS, rates
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments import Expected, plots
from taggant.report import style
from taggant.stats import clopper_pearson, holm, rank_sum

IMAGES = 10
P = 0.05

EXPECTED = [
    Expected({"marking.used": 150}, "detection_rate", 0.88, 0.08),
    Expected({"marking.used": 400}, "detection_rate", 0.908, 0.08),
    Expected({"marking.used": 400}, "used_set", 1.0, 0.1),
    Expected({"marking.used": 400}, "false_detection_rate", 0.063, 0.04),
    Expected({"marking.used": 400}, "unused_any", 0.533, 0.2),
    Expected({"marking.used": 400}, "unused_holm", 0.05, 0.08),
]
CLAIMS = {"any": "any of ten images", "holm": "Holm over the ten", "set": "the ten as a set"}


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    owners = pl.DataFrame(_owners(run) for run in runs.iter_rows(named=True))
    return pl.concat([rates(runs), owners], how="horizontal")


def _owners(run: dict[str, Any]) -> dict[str, float]:
    """Owners of one run, who claim by any image, by any after correction, or by the set."""
    images = pl.read_parquet(Path(run["folder"]) / "instances.parquet")
    row: dict[str, float] = {}
    for group in ("used", "unused"):
        rows = images.filter(group=group)
        ranks = rows["exceedances"].to_numpy().reshape(-1, IMAGES)
        named = np.array([holm((own + 1) / run["versions"], P).rejected for own in ranks])
        claims: dict[str, Any] = {
            "any": rows["claim"].to_numpy().reshape(-1, IMAGES).any(1),
            "holm": named.any(1),
            "set": np.array([rank_sum(own, run["versions"]) <= np.log(P) for own in ranks]),
        }
        row |= {f"{group}_owners": len(ranks), f"{group}_images_holm": float(named.mean())}
        for name, claimed in claims.items():
            bounds = clopper_pearson(int(claimed.sum()), len(claimed))
            row[f"{group}_{name}"] = float(claimed.mean())
            row |= {f"{group}_{name}_{side}": getattr(bounds, side) for side in BOUNDS}
    return row


def draw(table: pl.DataFrame) -> Figure:
    figure = Figure(figsize=(style.WIDTH, 6.0))
    above, below = figure.subplots(2, 1, sharex=True)
    for rate, name, colour, marker in plots.PARTS:
        plots.with_band(above, table, "used_owners", rate, name, colour, marker)
    plots.level(above, table)
    above.legend(loc="best")
    for (name, title), colour, marker in zip(
        CLAIMS.items(), plots.PALETTE[2:], plots.MARKERS[2:], strict=False
    ):
        plots.with_band(below, table, "used_owners", f"unused_{name}", title, colour, marker)
    below.axhline(P, color=style.INK, linestyle=style.DASHED, linewidth=1)
    below.axhline(1 - (1 - P) ** IMAGES, color=style.INK, linestyle=":", linewidth=1)
    below.set_ylim(-0.02, 1.02)
    below.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.set_ylabel("owners not used who claim")
    below.legend(loc="best")
    below.set_xlabel("owners whose images were used, ten each")
    plots.logarithmic(below, table["used_owners"].to_list())
    return figure
