"""What is done to weights after training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence, Tuning
from taggant.optim import train
from taggant.victim.victim import Victim


class FineTuned(Defence):
    """Goes on training on other images, which nobody marked.

    Parameters
    ----------
    unmarked : callable
        Makes these images; see `taggant.victim.distilled.further`.
    epochs : int
    rate : float
        Peak learning rate, in units of the victim's own.
    """

    def __init__(self, unmarked: Callable[[], ImageSet], epochs: int, rate: float) -> None:
        super().__init__()
        if epochs < 1 or rate <= 0:
            raise ValueError(
                f"defence.fine_tuning: epochs = {epochs}, rate = {rate}: accepted are epochs >= 1 "
                "and rates above 0"
            )
        self.unmarked, self.epochs, self.rate = unmarked, epochs, rate

    def tune(self, victim: Victim, known: Tuning) -> None:
        """See `Defence.tune`."""
        batches = victim.batches(self.unmarked(), known.seed, known.device)
        peak = self.rate * victim.lr
        victim.train()
        train(victim.batch_loss, batches, self.epochs, victim.optimizer(self.rate), peak)
        victim.eval()


class Pruned(Defence):
    """Sets the smallest weights of all convolutions and products to 0.

    Parameters
    ----------
    share : float
        Of these weights, 0..1.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise ValueError(f"defence.pruning.share = {share}: accepted are numbers from 0 to 1")
        self.share = share

    def tune(self, victim: Victim, known: Tuning) -> None:
        """See `Defence.tune`."""
        sizes = torch.cat([w.detach().abs().flatten() for w in _matrices(victim)])
        count = int(self.share * len(sizes))
        if count:
            limit = sizes.kthvalue(count).values
            for weight in _matrices(victim):
                weight.data[weight.data.abs() <= limit] = 0


class Quantised(Defence):
    """Rounds the weights of each convolution and product to so many bits, one scale a channel.

    Parameters
    ----------
    bits : int
        2..16.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        if not 2 <= bits <= 16:
            raise ValueError(f"defence.quantisation.bits = {bits}: accepted are 2 to 16")
        self.bits = bits

    def tune(self, victim: Victim, known: Tuning) -> None:
        """See `Defence.tune`."""
        levels = 2 ** (self.bits - 1) - 1
        for weight in _matrices(victim):
            rows = weight.data.flatten(1)
            step = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / levels
            weight.data = ((rows / step).round() * step).view_as(weight)


def _matrices(victim: nn.Module) -> list[nn.Parameter]:
    """Weights of convolutions and products, which are nearly all there are."""
    return [weight for weight in victim.parameters() if weight.ndim > 1]
