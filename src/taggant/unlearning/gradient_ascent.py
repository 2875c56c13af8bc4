"""Gradient ascent on what is to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class GradientAscent(Method):
    """Go up the loss of the forget set.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over the forget set.

    Notes
    -----
    Source: Thudi et al., "Unrolling SGD" (EuroS&P 2022). The SalUn repository takes 5 epochs at a
    thousandth of the training's learning rate; ours is a hundredth.
    """

    rate: float = 0.01
    epochs: int = 5

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on minus the loss of the forget set."""
        step = Descent(request, self.rate * self.strength)
        for batch in request.batches(request.forget, self.epochs):
            step(-request.victim.batch_loss(batch))
        return request.victim
