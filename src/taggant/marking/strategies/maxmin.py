"""Versions that keep away from each other in a marker's feature space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.batching import (
    ByteBudgetCache,
    check_chunk,
    check_steps,
    image_keys,
    in_chunks,
    to_grey_levels,
)
from taggant.marking.marker import Marker
from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.strategies.feature import ascend
from taggant.marking.stream import bits, derive


@dataclass(frozen=True, eq=False)
class MaxMin(Strategy):
    """Each version of a chunk moves away from the nearest of those before it.

    Greedy max-min: version i maximises min over j < i in its chunk, and the raw image, of
    ||φ(x_i) - φ(x_j)||. The versions of a chunk take their signed-gradient steps together, each
    seeing where the others stand; they start at secret patterns of +-epsilon/2. Chunks know
    nothing of each other, so what is read alone decides what is made.

    Parameters
    ----------
    marker : Marker
        φ.
    steps : int
        Gradient steps, of 2 epsilon / steps each and never more than epsilon.
    chunk : int
        G, consecutive versions made in one batch.
    memory : int
        Bytes of finished chunks kept at hand.
    """

    marker: Marker
    steps: int = 8
    chunk: int = 16
    memory: int = 256 << 20
    _cache: ByteBudgetCache = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_steps(self.steps)
        check_chunk(self.chunk)
        object.__setattr__(self, "_cache", ByteBudgetCache(self.memory))

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W]; see `Strategy`."""

        def make(row: int, members: NDArray[np.int64]) -> Tensor:
            image = images[row].float()
            raw = image.expand(self.chunk, *image.shape)
            coins = bits(derive(secrets[row], f"starts/{ids[row]}"), members, image.numel())
            signs = torch.from_numpy(coins).to(image.device).view_as(raw).float() * 2 - 1
            start = (raw + epsilon / 2 * signs).clamp(0, 255)
            home = self.marker.features(raw)[:1]
            ahead = ascend(
                self.marker,
                lambda pixels: nearest_before(self.marker(pixels), home),
                raw,
                start,
                epsilon,
                self.steps,
            )
            return to_grey_levels(ahead)

        keys = [(*key, epsilon) for key in image_keys(secrets, images, ids)]
        return in_chunks(images, keys, indices, self.chunk, self._cache, make)

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
