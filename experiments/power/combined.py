"""Two randomisations against a victim trained with crops and mirror images, on photos.

Which version of an image was published (ranks among its hidden versions, by the mean
log-confidence, or by a learned score less a part of what four reference models say), which images
were published (a likelihood ratio under the same references, by the raw image or by four versions,
ranked among withheld images), and both joined by Stouffer's sum; without marks the second alone.
Each seed has its own photos, secret, split and victim.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots
from taggant.data.augment import CropFlip

RUNS = ("power/combined", "power/controlled")
VERSIONS, WITHHELD, BOTH = "versions", "withheld images", "both"
ASKED = "audit.asked"
NAMES = {
    ("loss", "raw", "versions"): VERSIONS,
    ("loss", "raw", "controls"): WITHHELD,
    ("loss", "raw", "combined"): BOTH,
    ("loss", "4", "controls"): f"{WITHHELD}, by 4 versions",
    ("loss", "4", "combined"): f"{BOTH}, by 4 versions",
    ("learned", "raw", "versions"): f"{VERSIONS}, learned",
    ("learned", "raw", "combined"): f"{BOTH}, learned",
}
"""Rows by score of the versions, what is asked of whole images, and kind of evidence."""
UNMARKED = "withheld images, no marks"
RATES = ("detection_rate", "false_detection_rate")

EXPECTED = [
    Expected({"evidence": VERSIONS, "p": 0.05}, "detection_rate", 0.555, 0.1),
    Expected({"evidence": f"{VERSIONS}, learned", "p": 0.05}, "detection_rate", 0.65, 0.08),
    Expected({"evidence": BOTH, "p": 0.05}, "detection_rate", 0.865, 0.06),
    Expected({"evidence": f"{BOTH}, learned", "p": 0.05}, "detection_rate", 0.895, 0.05),
    Expected({"evidence": f"{BOTH}, learned", "p": 0.05}, "false_detection_rate", 0.054, 0.03),
    Expected({"evidence": UNMARKED, "p": 0.05}, "detection_rate", 0.838, 0.1),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    marked = runs.filter(pl.col("experiment") == RUNS[0])
    unmarked = runs.filter(pl.col("experiment") == RUNS[1])
    parts = [
        _of(marked.filter(score=score, **{ASKED: asked}), kind, name)
        for (score, asked, kind), name in NAMES.items()
    ]
    parts.append(_of(unmarked, "controls", UNMARKED))
    return over_seeds(pl.concat(parts), "evidence", VERSIONS)


def _of(runs: pl.DataFrame, kind: str, name: str) -> pl.DataFrame:
    """Runs with the rates of one kind of evidence, and what it asked, as their own."""
    own = {rate: pl.col(f"{rate}_{kind}") for rate in RATES}
    views = pl.coalesce("audit.membership.views", "score.views")
    whole = views * pl.col(ASKED).replace("raw", "1").cast(pl.Int64)
    ranks = pl.col("marking.n") * pl.col("score.views") + len(CropFlip(4).every())
    asked = {"versions": ranks, "controls": whole, "combined": ranks + whole}[kind]
    columns = runs.with_columns(evidence=pl.lit(name), mean_queries_used=asked, **own)
    return columns.with_columns(pl.col("psnr").cast(pl.Float64))


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "evidence")
