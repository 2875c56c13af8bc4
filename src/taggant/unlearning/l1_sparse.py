"""Fine-tuning with a sparsity penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class L1Sparse(Method):
    """Fine-tune on the retain set with an L1 penalty that decays to 0 over the epochs.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over the retain set.
    penalty : float
        Weight of the sum of all absolute weights in the first epoch.

    Notes
    -----
    Source: Jia et al., "Model sparsity can simplify machine unlearning" (NeurIPS 2023); decay as in
    ``FT.py`` of github.com/OPTML-Group/Unlearn-Sparse, rate, epochs and penalty
    are ours.
    """

    rate: float = 0.5
    epochs: int = 5
    penalty: float = 5e-4

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on the loss of the retain set and the penalty."""
        step, victim = Descent(request, self.rate * self.strength), request.victim
        for epoch in range(self.epochs):
            weight = self.penalty * (1 - epoch / self.epochs)
            for batch in request.batches(request.retain, first=epoch):
                norm = torch.cat([w.flatten() for w in step.parameters]).abs().sum()
                step(victim.batch_loss(batch) + weight * norm)
        return victim
