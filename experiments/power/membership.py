"""Attacks of membership inference as exact tests: photos ranked among withheld ones, no marks.

LOSS alone, calibrated by difficulty, RMIA and LiRA under four reference models that the owner
trains on halves of her photos, each by the log-confidence of the true label and by its logit over
eight views. Each seed has its own photos, split, victim and references.
"""

import polars as pl
from experiments.power._seeds import over_seeds
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES = {"loss": "log-confidence", "margin": "logit"}
ATTACKS = {"lira": "LiRA", "rmia": "RMIA", "calibrated": "calibrated", "alone": "no references"}

LIRA = {"attack": "LiRA, logit", "p": 0.05}
EXPECTED = [
    Expected(LIRA, "detection_rate", 0.838, 0.1),
    Expected(LIRA, "false_detection_rate", 0.049, 0.03),
    Expected({"attack": "RMIA, log-confidence", "p": 0.05}, "detection_rate", 0.634, 0.1),
    Expected({"attack": "no references, log-confidence", "p": 0.05}, "detection_rate", 0.504, 0.3),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    attack = pl.col("audit/attack").replace_strict(ATTACKS)
    case = pl.concat_str(attack, pl.col("score").replace_strict(NAMES), separator=", ")
    return over_seeds(runs.with_columns(attack=case), "attack", "no references, log-confidence")


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table.filter(pl.col("p") == 0.05).sort("detection_rate"), "attack")
