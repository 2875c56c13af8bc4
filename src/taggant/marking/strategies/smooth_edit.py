"""Photographic edits under coloured light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.strategies.edit import Edit
from taggant.marking.strategies.smooth import Smooth


@dataclass(frozen=True)
class SmoothEdit:
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
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W] within `radius`; see `Strategy`."""
        light = Smooth(self.block).light(secret, images, ids, indices, epsilon)
        edited = Edit(self.strength, self.limit)(secret, images, ids, indices, epsilon)
        return light.add_(edited).clamp_(0, 255).to(torch.uint8)

    def radius(self, epsilon: int) -> int:
        """See `taggant.marking.scheme.radius`."""
        return epsilon + self.limit

    def parameters(self) -> Mapping[str, Any]:
        """See `Strategy.parameters`."""
        own = {"strength": self.strength, "limit": self.limit}
        return {"strategy": "smooth_edit", "block": self.block, **own}
