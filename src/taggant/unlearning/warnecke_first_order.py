"""First-order removal: one gradient step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taggant.unlearning.method import Method, gradients
from taggant.unlearning.request import Request


@dataclass(frozen=True)
class WarneckeFirstOrder(Method):
    """One step up the summed loss of the forget set: theta + tau grad L(forget).

    Parameters
    ----------
    tau : float
        Unlearning rate at strength 1.

    Notes
    -----
    Source: Warnecke et al., "Machine unlearning of features and labels" (NDSS 2023), first-order
    update for pure deletion; the authors' code (github.com/alewarne/MachineUnlearning) changes the
    last six weight tensors only and tunes tau, here all weights change and tau is ours.
    """

    tau: float = 1e-3

    def unlearn(self, request: Request) -> Any:
        """Add the gradient once."""
        request.victim.eval()
        move(request, forget_gradient(request), self.tau * self.strength)
        return request.victim


def forget_gradient(request: Request) -> list[Tensor]:
    """Gradient of the forget set's summed loss, one tensor a parameter."""
    total = [torch.zeros_like(p) for p in request.victim.parameters()]
    for batch in request.batches(request.forget):
        found = gradients(request, len(batch[0]) * request.victim.batch_loss(batch))
        total = [t + g for t, g in zip(total, found, strict=True)]
    return total


def move(request: Request, direction: list[Tensor], length: float) -> None:
    """Add `length` times a direction to the weights."""
    with torch.no_grad():
        for weight, part in zip(request.victim.parameters(), direction, strict=True):
            weight.add_(part, alpha=length)
