"""Membership scores by gradients: which way from the raw image another score rises.

For a version near its raw image, the other score of it is that of the raw image and the inner
product of its gradient there with version minus raw. So one backward pass at the raw image (for
diffusion models one a noise) serves all versions, however many there are. The gradient knows no
published version, and is the same for all. Needs the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from taggant.answers import evaluating, padded
from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access, layer_of
from taggant.score.statistic import Preparable, Statistic

ROWS = 8
"""Raw images that are differentiated by at once; all in this one shape."""


@dataclass(frozen=True)
class Slope:
    """Inner product of another score's gradient at the raw image with version minus raw.

    Parameters
    ----------
    statistic : Statistic or Preparable
        The other score, which must be differentiable by the image.
    access : callable
        What it is a function of; see `taggant.score.access`.
    reads : str
        What the victim answers with.
    """

    statistic: Statistic | Preparable
    access: Access
    reads: str

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of one victim.

        Raises
        ------
        ValueError
            For an access level of the victim's that does not fit the other score.
        """
        shown = getattr(self.access, "answers", self.reads)
        if shown != self.reads:
            raise ValueError(
                f"score.statistic.access shows {shown}, and score.statistic.reads = {self.reads}"
            )
        rising = self.statistic
        if isinstance(rising, Preparable):
            rising = rising.prepare(victim, public, self.access)
        return _Slope(victim, getattr(victim, layer_of(self.access)), self.access, rising)


@dataclass(frozen=True)
class _Slope:
    victim: nn.Module
    ask: Callable[[Tensor], Tensor]
    access: Access
    rising: Statistic

    def __call__(self, pixels: Tensor, beside: Tensor, /) -> Tensor:
        """Inner products [B] of pixels [B, C, H, W], 0..255, and rows of `beside`."""
        gradient, raw = beside.unbind(1)
        return ((pixels - raw) * gradient).flatten(1).sum(1)

    def beside(self, images: Tensor, targets: Tensor) -> Tensor:
        """Gradient at each raw image, and the image: float32 [N, 2, C, H, W] on the CPU.

        Raises
        ------
        ValueError
            If what the victim answers does not depend on pixels smoothly.
        """
        raw = images.float()
        parts = (padded(side, ROWS).split(ROWS) for side in (raw, targets))
        with evaluating(self.victim):
            gradients = [self._gradient(*part) for part in zip(*parts, strict=True)]
        return torch.stack([torch.cat(gradients)[: len(raw)], raw], 1)

    @torch.enable_grad()
    def _gradient(self, raw: Tensor, targets: Tensor) -> Tensor:
        device = torch.device(getattr(self.victim, "device", "cpu"))
        pixels = raw.to(device).requires_grad_()
        scores = self.rising(self.access(self.ask(pixels)), targets.to(device))
        if not scores.requires_grad:
            raise ValueError(
                f"{type(self.victim).__name__} answers in steps: it has no gradient by its images"
            )
        return torch.autograd.grad(scores.sum(), pixels)[0].cpu()
