"""First-order removal: one gradient step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taggant.optim import trained_parameters
from taggant.unlearning.method import Method, gradient, move
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class WarneckeFirstOrder(Method):
    """One step up the summed loss of the forget set, as published: theta + tau grad L(forget).

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

    def unlearn(self, request: Request) -> Unlearnable:
        """Add the gradient once."""
        move(request, forget_gradient(request), self.tau * self.strength)
        return request.victim


def forget_gradient(request: Request) -> list[Tensor]:
    """Gradient of the forget set's summed loss, one tensor for each of `trained_parameters`."""
    total = [torch.zeros_like(weight) for weight in trained_parameters(request.victim)]
    for batch in request.plain(request.forget):
        size, found = len(batch[0]), gradient(request, batch)
        total = [t + size * g for t, g in zip(total, found, strict=True)]
    return total
