"""Down on what is kept, up on what is to be forgotten, in one step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request, Unlearnable, endless


@dataclass(frozen=True)
class NegGradPlus(Method):
    """Minimise alpha L(retain) - (1 - alpha) L(forget), a batch of each a step.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over the retain set; the forget set is gone through as often as that takes.
    alpha : float
        Weight of the retain set's loss, 0..1.

    Notes
    -----
    Source: "NegGrad+" in Kurmanji et al., "Towards unbounded machine unlearning" (NeurIPS 2023);
    loss as in ``train_negrad`` of github.com/meghdadk/SCRUB. Alpha is tuned there; ours is .95.
    """

    rate: float = 0.5
    epochs: int = 5
    alpha: float = 0.95

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on the weighted difference of the two losses."""
        step, loss = Descent(request, self.rate * self.strength), request.victim.batch_loss
        forget = endless(partial(request.batches, request.forget, 1))
        for kept, forgotten in zip(
            request.batches(request.retain, self.epochs), forget, strict=False
        ):
            gain = (1 - self.alpha) * loss(forgotten)
            step(self.alpha * loss(kept) - gain)
        return request.victim
