"""Random labels on salient weights only (SalUn)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from taggant.unlearning.method import Method, gradients
from taggant.unlearning.random_labels import relearn
from taggant.unlearning.request import Request


@dataclass(frozen=True)
class SalUn(Method):
    """Random-label unlearning of the weights with the largest gradient of the forget set's loss.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over both sets.
    share : float
        Share of the weights that may change, 0..1.

    Notes
    -----
    Source: Fan et al., "SalUn" (ICLR 2024): mask = |gradient| >= its median, then random labels.
    Its repository (github.com/OPTML-Group/Unlearn-Saliency) trains 10 epochs at the training's own
    learning rate; ours are 5 at a tenth, as in `RandomLabels`, so that the mask is what differs.
    """

    needs: ClassVar[Sequence[str]] = ("batch_loss", "relabelled")

    rate: float = 0.1
    epochs: int = 5
    share: float = 0.5

    def unlearn(self, request: Request) -> Any:
        """Find the salient weights, then relearn with them."""
        masks = saliency(request, self.share)
        return relearn(request, self.rate * self.strength, self.epochs, masks)


def saliency(request: Request, share: float) -> list[Tensor]:
    """1 for the `share` of all weights with the largest summed gradient, 0 for the others."""
    request.victim.eval()
    total = [torch.zeros_like(p) for p in request.victim.parameters()]
    for batch in request.batches(request.forget):
        loss = len(batch[0]) * request.victim.batch_loss(batch)
        total = [t + g for t, g in zip(total, gradients(request, loss), strict=True)]
    size = torch.cat([t.abs().flatten() for t in total])
    kept = max(1, round(share * len(size)))
    least = size.topk(kept).values[-1]
    return [(t.abs() >= least).to(t.dtype) for t in total]
