"""Photographic edits under coloured light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.strategies.edit import Edit
from taggant.marking.strategies.smooth import Smooth


@dataclass(frozen=True)
class SmoothEdit(Strategy):
    """An `Edit` of the image and, added to it, the light of `Smooth` within epsilon.

    Parameters
    ----------
    block, strength, limit
        Of `Smooth` and of `Edit`. A pixel changes by at most epsilon + limit.
    """

    block: int | None = None
    strength: float = 0.5
    limit: int = 64

    def __post_init__(self) -> None:
        Smooth(self.block)  # which refuses what is no block
        Edit(self.strength, self.limit)

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W] within `radius`; see `Strategy`."""
        light = Smooth(self.block).light(secrets, images, ids, indices, epsilon)
        edited = Edit(self.strength, self.limit)(secrets, images, ids, indices, epsilon)
        return light.add_(edited).clamp_(0, 255).to(torch.uint8)

    def radius(self, epsilon: int) -> int:
        """See `Strategy.radius`."""
        return epsilon + self.limit

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own = {"strength": self.strength, "limit": self.limit}
        return {"strategy": "smooth_edit", "block": self.block, **own}
