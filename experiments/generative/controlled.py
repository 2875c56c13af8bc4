"""Diffusion models whose owner kept 100 marked photos back: both randomisations, and both joined.

From scratch on 200 photos, given the class or not; fine-tuned on 200 after 1,000 others; and from
scratch in the latents of a VAE that others trained, marked through its encoder. Ranks among an
image's hidden versions, ranks among the withheld photos, and Stouffer's sum of the two; of single
photos and of sets. Each seed draws photos, secret, split and training.
"""

import polars as pl
from experiments.generative import _seeds as over

from experiments import Expected

SUFFIXES = ("", "_conditional", "_fine_tune", "_latent")
RUNS = tuple(f"generative/controlled{suffix}" for suffix in SUFFIXES)
NAMES = dict(zip(RUNS, ("from scratch", "given the class", "fine-tuned", "latent"), strict=True))

SCRATCH = {"run": RUNS[0], "size": 1, "p": 0.05}
CLASS = {"run": RUNS[1], "size": 1, "p": 0.05}
LATENT = {"run": RUNS[3], "size": 1, "p": 0.05}
TUNED = {"run": RUNS[2], "size": 1, "p": 0.05}

EXPECTED = [
    Expected(SCRATCH | {"evidence": "versions"}, "detection_rate", 0.983, 0.05),
    Expected(SCRATCH | {"evidence": "controls"}, "detection_rate", 0.043, 0.05),
    Expected(SCRATCH | {"evidence": "combined"}, "detection_rate", 0.703, 0.15),
    Expected(SCRATCH | {"evidence": "combined"}, "false_detection_rate", 0.037, 0.05),
    Expected(TUNED | {"evidence": "versions"}, "detection_rate", 0.967, 0.05),
    Expected(TUNED | {"evidence": "combined"}, "detection_rate", 0.717, 0.12),
    Expected(CLASS | {"evidence": "versions"}, "detection_rate", 1.0, 0.04),
    Expected(CLASS | {"evidence": "controls"}, "detection_rate", 0.087, 0.1),
    Expected(LATENT | {"evidence": "versions"}, "detection_rate", 1.0, 0.03),
    Expected(LATENT | {"evidence": "controls"}, "detection_rate", 0.93, 0.1),
    Expected(LATENT | {"evidence": "combined"}, "false_detection_rate", 0.04, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([one(name, runs) for name in RUNS], how="diagonal_relaxed")


def one(name: str, runs: pl.DataFrame) -> pl.DataFrame:
    """Rates of one kind of training."""
    runs = runs.filter(experiment=name)
    return over.by_evidence(runs).select(pl.lit(name).alias("run"), pl.all())


def draw(table: pl.DataFrame) -> pl.DataFrame:
    named = table.with_columns(pl.col("run").replace(NAMES))
    return over.shown_by_evidence(named, "withheld photos", "run")
