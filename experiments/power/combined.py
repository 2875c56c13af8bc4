"""Two randomisations against a victim trained with crops and mirror images, on photos.

Which version of an image was published (ranks among its hidden versions), which images were
published (a likelihood ratio under four reference models, ranked among withheld images), and both
joined by Stouffer's sum; without marks the second alone. Each seed has its own photos, secret,
split and victim.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots
from taggant.data.augment import CropFlip

RUNS = ("power/combined", "power/controlled")
KINDS = {"versions": "versions", "controls": "withheld images", "combined": "both"}
UNMARKED = "withheld images, no marks"
RATES = ("detection_rate", "false_detection_rate")

EXPECTED: list[Expected] = []


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    marked = runs.filter(pl.col("experiment") == RUNS[0])
    unmarked = runs.filter(pl.col("experiment") == RUNS[1])
    parts = [_of(marked, kind, name) for kind, name in KINDS.items()]
    parts.append(_of(unmarked, "controls", UNMARKED))
    return over_seeds(pl.concat(parts), "evidence", KINDS["versions"])


def _of(runs: pl.DataFrame, kind: str, name: str) -> pl.DataFrame:
    """Runs with the rates of one kind of evidence, and what it asked, as their own."""
    own = {rate: pl.col(f"{rate}_{kind}") for rate in RATES}
    views = pl.coalesce("audit.membership.views", "score.views")
    whole = views * pl.min_horizontal("audit.asked", "marking.n")
    ranks = pl.col("marking.n") * pl.col("score.views") + len(CropFlip(4).every())
    asked = {"versions": ranks, "controls": whole, "combined": ranks + whole}[kind]
    columns = runs.with_columns(evidence=pl.lit(name), mean_queries_used=asked, **own)
    return columns.with_columns(pl.col("psnr").cast(pl.Float64))


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "evidence")
