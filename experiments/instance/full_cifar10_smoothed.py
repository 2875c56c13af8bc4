"""All of CIFAR-10 with smoothed labels: whether they hide which photos were used.

As `instance/full_cifar10`, with the same photos, marks and secret, but labels are smoothed by 0.2,
as in airbench94's own recipe.
"""

from experiments.instance.full_cifar10 import LAST, collect, draw

from experiments import Expected

__all__ = ["EXPECTED", "collect", "draw"]
EXPECTED = [
    Expected({"seed": 0} | LAST, "detection_rate", 0.122, 0.04),
    Expected({"seed": 0} | LAST, "false_detection_rate", 0.052, 0.03),
    Expected({"seed": 0} | LAST, "utility", 0.901, 0.01),
]
