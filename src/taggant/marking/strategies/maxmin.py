"""Versions that keep away from each other in a marker's feature space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters
from taggant.marking.strategies.chunked import Chunked, Objective
from taggant.marking.stream import bits, derive


@dataclass(frozen=True, eq=False)
class MaxMin(Chunked):
    """Each version of a chunk moves away from the nearest of those before it.

    Greedy max-min: version i maximises min over j < i in its chunk, and the raw image, of
    ||φ(x_i) - φ(x_j)||. The versions of a chunk take their signed-gradient steps together, each
    seeing where the others stand; they start at secret patterns of +-epsilon/2. Chunks know
    nothing of each other, so what is read alone decides what is made.

    See `Chunked` for its parameters.
    """

    steps: int = 8

    def task(
        self,
        secret: bytes,
        raw: Tensor,
        image_id: str,
        members: NDArray[np.int64],
        epsilon: int,
    ) -> tuple[Objective, Tensor]:
        """See `Chunked.task`."""
        coins = bits(derive(secret, f"starts/{image_id}"), members, raw[0].numel())
        signs = torch.from_numpy(coins).to(raw.device).view_as(raw).float() * 2 - 1
        start = (raw + epsilon / 2 * signs).clamp(0, 255)
        home = self.marker.features(raw)[:1]
        return (lambda pixels: nearest_before(self.marker(pixels), home)), start

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own = {"strategy": "maxmin", "steps": self.steps, "chunk": self.chunk}
        return {**own, **self.marker.parameters()}


def nearest_before(features: Tensor, home: Tensor) -> Tensor:
    """Squared distance float [G] of each row to the nearest earlier row or `home`.

    Earlier rows are taken as they stand: no gradient flows to them.

    Parameters
    ----------
    features : Tensor, float32 [G, d]
    home : Tensor, float32 [1, d]
        Features of the raw image.
    """
    others = torch.cat([home, features.detach()])
    distance = (features[:, None] - others[None]).square().sum(-1)
    later = torch.ones_like(distance, dtype=torch.bool).triu(1)
    return distance.masked_fill(later, float("inf")).amin(1)
