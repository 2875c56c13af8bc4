"""Fine-tuning on what is kept."""

from __future__ import annotations

from dataclasses import dataclass

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class Finetune(Method):
    """Go on training on the retain set alone and trust in catastrophic forgetting.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over the retain set.

    Notes
    -----
    Source: Golatkar et al., "Eternal sunshine of the spotless net" (CVPR 2020), baseline; the
    SalUn repository (github.com/OPTML-Group/Unlearn-Saliency) takes 10 epochs at a tenth of the
    training's learning rate; ours are 5 at half.
    """

    rate: float = 0.5
    epochs: int = 5

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on the loss of the retain set."""
        step = Descent(request, self.rate * self.strength)
        for batch in request.batches(request.retain, self.epochs):
            step(request.victim.batch_loss(batch))
        return request.victim
