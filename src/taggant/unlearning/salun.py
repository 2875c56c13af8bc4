"""Random labels on salient weights only (SalUn)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from taggant.optim import trained_parameters
from taggant.unlearning.method import Method, gradient
from taggant.unlearning.random_labels import relearn
from taggant.unlearning.request import Request, Unlearnable


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
        Share of the weights that may change, above 0 and up to 1.

    Raises
    ------
    ValueError
        For another share.

    Notes
    -----
    Source: Fan et al., "SalUn" (ICLR 2024): the half of the weights with the largest gradients,
    then random labels. As in ``generate_mask.py`` of github.com/OPTML-Group/Unlearn-Saliency,
    gradients of the mean losses of batches are summed, so that an image of a smaller last batch
    weighs more, and exactly the share asked for is selected, by rank. There, the images are
    augmented once unless told ``--no-aug``; here they are as published. Its README trains 10 epochs
    at .013, .13 of the training's rate; ours are 5 at a tenth, as in `RandomLabels`, so that the
    mask is what differs.
    """

    needs: ClassVar[Sequence[str]] = ("batch_loss", "relabelled")

    rate: float = 0.1
    epochs: int = 5
    share: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise ValueError(f"unlearning.share = {self.share}: accepted are above 0 and up to 1")

    def unlearn(self, request: Request) -> Unlearnable:
        """Find the salient weights, then relearn with them."""
        masks = saliency(request, self.share)
        return relearn(request, self.rate * self.strength, self.epochs, masks)


def saliency(request: Request, share: float) -> list[Tensor]:
    """1 for the `share` of `trained_parameters` with the largest summed gradient, 0 for the others.

    The number of ones is exactly that share, rounded down; of equal gradients the first count.
    """
    total = [torch.zeros_like(weight) for weight in trained_parameters(request.victim)]
    for batch in request.plain(request.forget):
        total = [t + g for t, g in zip(total, gradient(request, batch), strict=True)]
    order = torch.cat([t.abs().flatten() for t in total]).argsort(descending=True, stable=True)
    mask = torch.zeros(len(order), device=order.device)
    mask[order[: int(share * len(order))]] = 1
    parts = mask.split([t.numel() for t in total])
    return [part.view_as(t) for part, t in zip(parts, total, strict=True)]
