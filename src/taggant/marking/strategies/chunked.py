"""Versions that a marker network makes in chunks, by signed-gradient steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
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
from taggant.marking.scheme import Strategy

Objective = Callable[[Tensor], Tensor]
"""Pixels float32 [G, C, H, W] -> float [G]."""


@dataclass(frozen=True, eq=False)
class Chunked(Strategy):
    """Makes G consecutive versions of an image together, whichever of them are asked for.

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
            raw = images[row].float().expand(self.chunk, *images.shape[1:])
            objective, start = self.task(secrets[row], raw, ids[row], members, epsilon)
            return to_grey_levels(ascend(self.marker, objective, raw, start, epsilon, self.steps))

        keys = [(*key, epsilon) for key in image_keys(secrets, images, ids)]
        return in_chunks(images, keys, indices, self.chunk, self._cache, make)

    @abstractmethod
    def task(
        self,
        secret: bytes,
        raw: Tensor,
        image_id: str,
        members: NDArray[np.int64],
        epsilon: int,
    ) -> tuple[Objective, Tensor]:
        """What the versions `members` [G] of an image make large, and where they start.

        Parameters
        ----------
        raw : Tensor, float32 [G, C, H, W], 0..255
            The image, G times.
        """


def ascend(
    marker: Marker,
    objective: Objective,
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
