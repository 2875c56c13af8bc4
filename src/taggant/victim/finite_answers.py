"""A broken victim, made safe to audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from taggant.answers import evaluating
from taggant.data.imageset import ImageSet
from taggant.victim.victim import Victim
from taggant.victim.wrapped import Wrapped

LARGEST = 1e4
BATCH = 512


class FiniteAnswers(Wrapped):
    """A victim whose answers are made finite: NaN becomes 0, the rest at most 10^4 in size.

    Guarantee: it stays a function of the image alone, so an audit of it is as exact as any. A
    model that answers NaN throughout scores all versions alike, and their ranks are uniform.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> the victim's answers, finite."""
        return _finite(self.victim(images))

    def targets(self, data: ImageSet) -> Tensor:
        """What scores compare the answers with, finite."""
        targets = super().targets(data)
        return _finite(targets) if targets.is_floating_point() else targets

    @property
    def predicted_noise(self) -> Callable[..., Tensor]:
        """The noise that a denoiser sees, finite; other victims have no such attribute."""
        asked = cast("Callable[..., Tensor]", self.victim.predicted_noise)
        return lambda *given: _finite(asked(*given))


def _finite(values: Tensor) -> Tensor:
    return torch.nan_to_num(values.float().clamp(-LARGEST, LARGEST), 0.0)


@torch.no_grad()
def answers_finite(victim: Victim, images: Tensor) -> bool:
    """Whether a victim answers with finite numbers only, and all its weights are finite."""
    if not all(bool(torch.isfinite(t).all()) for t in victim.state_dict().values()):
        return False
    with evaluating(victim):
        return all(
            bool(torch.isfinite(victim(part.to(victim.device))).all())
            for part in images.split(BATCH)
        )
