"""Classifiers that learn CIFAR-10 to 94 % in a few epochs."""

from __future__ import annotations

from typing import Any

import torch

from taggant.data.imageset import ImageSet
from taggant.optim import nesterov_sgd, trained_parameters
from taggant.victim.airbench_net import AirbenchNet
from taggant.victim.classifier import Classifier
from taggant.victim.victim import BATCH_NORMS

WHITENED = 5000
"""Images, about, whose patches the first layer whitens."""


class Airbench(Classifier):
    """A classifier trained by the recipe of airbench94 (arXiv 2404.00498), as far as it is of use.

    The first layer whitens patches of training images and is not trained; shifts of batch norm
    learn faster than weights. Left out are the average of weights (lookahead), flips in turn and
    views at test time; labels are not smoothed unless asked for, since a smoothed label hides
    what a model has by heart.

    Parameters
    ----------
    bias_rate : float
        Learning rate of the shifts of batch norm, in units of `lr`; they decay as the others.
    **classifier
        See `Classifier`.

    Raises
    ------
    ValueError
        For a rate that is not positive.
    """

    def __init__(self, bias_rate: float, **classifier: Any) -> None:
        super().__init__(**classifier)
        if bias_rate <= 0:
            raise ValueError(f"victim.bias_rate = {bias_rate}: a positive number is needed")
        self.bias_rate = bias_rate
        if isinstance(self.net, AirbenchNet):
            self.net.whitening.weight.requires_grad_(False)

    def prepare(self, train: ImageSet) -> None:
        """Let the first layer whiten patches of some training images."""
        if isinstance(self.net, AirbenchNet):
            some = train.images[:: max(1, len(train) // WHITENED)]
            self.net.whiten(self.pixels(some))

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Nesterov SGD at `rate` times the peak learning rates."""
        shifts = {
            id(module.bias)
            for module in self.modules()
            if isinstance(module, BATCH_NORMS) and module.bias is not None
        }
        weights = trained_parameters(self)
        optimizer = nesterov_sgd(
            [weight for weight in weights if id(weight) not in shifts],
            rate * self.lr,
            self.momentum,
            self.weight_decay,
        )
        faster = {"lr": self.bias_rate * rate * self.lr}
        slower = {"weight_decay": self.weight_decay / self.bias_rate}
        if shifts:
            chosen = [weight for weight in weights if id(weight) in shifts]
            optimizer.add_param_group({"params": chosen, **faster, **slower})
        return optimizer
