"""All of CIFAR-10 without augmentation: which single photos are claimed, as training goes on.

As `instance/full_cifar10`, but the victim sees photos as they are, marks are random signs of 2 x 2
pixels, and the version itself is asked; all 1,000 versions are read.
"""

from experiments.instance.full_cifar10 import collect, draw

from experiments import Expected

__all__ = ["EXPECTED", "collect", "draw"]
EXPECTED = [
    Expected({"seed": 0, "epoch": 10}, "detection_rate", 0.294, 0.06),
    Expected({"seed": 1, "epoch": 10}, "detection_rate", 0.292, 0.06),
    Expected({"seed": 0, "epoch": 10}, "false_detection_rate", 0.054, 0.03),
]
