"""Grain of the marks on photos, against victims with and without augmentation.

Side of the blocks that a mark changes alike: of secret signs, and of directions of a marker
network's feature space. Over three seeds, each with its own secret and training.
"""

import polars as pl
from experiments.ablation._paired import pooled
from experiments.ablation.scheme import BLOCK, STRATEGY, with_victims
from matplotlib.figure import Figure

from experiments import Expected, plots

RUNS = ("ablation/block_photos", "ablation/block_augmented")
COARSE = {"victim": "augmented", BLOCK: 8}
FINE = {"victim": "augmented", BLOCK: 2}

EXPECTED = [
    Expected({**FINE, STRATEGY: "sign"}, "detection_rate", 0.207, 0.08),
    Expected({**COARSE, STRATEGY: "sign"}, "detection_rate", 0.387, 0.08),
    Expected({**COARSE, STRATEGY: "sign"}, "false_detection_rate", 0.057, 0.04),
    Expected({**COARSE, STRATEGY: "jacobian"}, "detection_rate", 0.368, 0.08),
    Expected({"victim": "plain", STRATEGY: "sign", BLOCK: 8}, "detection_rate", 0.941, 0.04),
    Expected({"victim": "plain", STRATEGY: "sign", BLOCK: 2}, "detection_rate", 0.984, 0.03),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return pooled(with_victims(runs), ["victim", STRATEGY, BLOCK], [2])


def draw(table: pl.DataFrame) -> Figure:
    both = pl.concat_str(STRATEGY, pl.lit(", "), "victim").alias("both")
    return plots.series(
        table.with_columns(both), BLOCK, "side of a block in pixels", "both", log=True
    )
