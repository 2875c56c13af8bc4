"""Fine-tuning with random labels for what is to be forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Answering, Request, Unlearnable


@dataclass(frozen=True)
class RandomLabels(Method):
    """Each epoch, learn random labels on the forget set, then the true ones on the retain set.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over both sets; labels are drawn anew in each.

    Notes
    -----
    Source: Golatkar et al., "Eternal sunshine of the spotless net" (CVPR 2020); loop as in
    ``RL.py`` of github.com/OPTML-Group/Unlearn-Saliency for CIFAR-10, whose 10 epochs are 5 here.
    As there, labels are drawn from all classes, an image's own among them. Captions, which it has
    not, are moved to other images of the batch.
    """

    needs: ClassVar[Sequence[str]] = ("batch_loss", "relabelled")

    rate: float = 0.1
    epochs: int = 5

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on both losses in turn."""
        return relearn(request, self.rate * self.strength, self.epochs)


def relearn(
    request: Request, rate: float, epochs: int, masks: Sequence[Tensor] | None = None
) -> Answering:
    """Random labels on the forget set, then true ones on the retain set, epoch by epoch."""
    victim, random = request.answering, request.generator()
    step = Descent(request, rate, masks)
    for epoch in range(epochs):
        for batch in request.batches(request.forget, first=epoch):
            step(victim.batch_loss(victim.relabelled(batch, random)))
        for batch in request.batches(request.retain, first=epoch):
            step(victim.batch_loss(batch))
    return victim
