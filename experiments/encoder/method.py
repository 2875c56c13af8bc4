"""Five ways to train an encoder without labels: which of them learn images by heart.

The same network, crops, rate and number of epochs for all; each method's own parameters are those
of its file in ``conf/victim``. None of them was tuned.
"""

import polars as pl
from experiments.collect import rates
from experiments.encoder._tail import with_p_value
from matplotlib.figure import Figure

from experiments import Expected, plots

NAMES: dict[object, str] = {
    "simclr": "SimCLR",
    "moco": "MoCo v2",
    "byol": "BYOL",
    "vicreg": "VICReg",
    "dino": "DINO",
}
EXPECTED = [
    Expected({"victim": "simclr"}, "detection_rate", 0.155, 0.07),
    Expected({"victim": "dino"}, "detection_rate", 0.045, 0.05),
    Expected({"victim": "simclr"}, "false_detection_rate", 0.04, 0.05),
]


def collect(runs: pl.DataFrame) -> pl.DataFrame:
    return with_p_value(rates(runs)).sort("detection_rate", descending=True)


def draw(table: pl.DataFrame) -> Figure:
    return plots.categories(table, "victim", NAMES)
