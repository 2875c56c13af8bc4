"""Push each version along a secret direction of a marker's feature space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from taggant.marking.stream import derive, unit_vectors


@dataclass(frozen=True, eq=False)
class Feature(Strategy):
    """Maximise <φ(x + d) - φ(x), u_i> inside the ball by signed-gradient steps.

    u_i is uniform on the unit sphere of the marker's feature space, a function of (secret, id, i)
    (the idea of radioactive data, arXiv 2002.00937, one carrier a version).

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
    steps: int = 4
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
            carriers = self.carriers(secrets[row], images[row], ids[row], members)
            raw = images[row].float().expand(self.chunk, *images.shape[1:])
            return to_grey_levels(
                ascend(
                    self.marker,
                    lambda pixels: (self.marker(pixels) * carriers).sum(1),
                    raw,
                    raw,
                    epsilon,
                    self.steps,
                )
            )

        keys = [(*key, epsilon) for key in image_keys(secrets, images, ids)]
        return in_chunks(images, keys, indices, self.chunk, self._cache, make)

    def carriers(
        self, secret: bytes, image: Tensor, image_id: str, indices: NDArray[np.int64]
    ) -> Tensor:
        """u_i, unit vectors float32 [k, d] on the image's device."""
        key = derive(secret, f"carriers/{image_id}")
        drawn = unit_vectors(key, indices, self.marker.dimension(image))
        return torch.from_numpy(drawn).to(image.device)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own = {"strategy": "feature", "steps": self.steps, "chunk": self.chunk}
        return {**own, **self.marker.parameters()}


def ascend(
    marker: Marker,
    objective: Callable[[Tensor], Tensor],
    raw: Tensor,
    start: Tensor,
    epsilon: int,
    steps: int,
) -> Tensor:
    """Signed-gradient ascent inside the L-infinity ball around `raw`, and inside 0..255.

    Parameters
    ----------
    objective : callable
        Pixels float32 [G, C, H, W] -> float [G], to be made large.
    raw, start : Tensor, float32 [G, C, H, W], 0..255
    """
    step = epsilon * min(1.0, 2 / steps)
    low, high = (raw - epsilon).clamp(min=0), (raw + epsilon).clamp(max=255)
    pixels = start
    for _ in range(steps):
        pixels = pixels + step * marker.gradient(objective, pixels).sign()
        pixels = pixels.clamp(low, high)
    return pixels
