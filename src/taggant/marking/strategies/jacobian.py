"""Thousands of versions from a few backward passes: a sketch of the marker's Jacobian."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from taggant.marking.batching import ByteBudgetCache, Key, image_keys
from taggant.marking.marker import Marker
from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.strategies.sign import check_block, unblock
from taggant.marking.stream import derive, gaussians, gaussians_of, streams_of

LEVELS = 1023
COORDINATE = 127
"""Largest entries of the sketch and of a carrier. k LEVELS COORDINATE < 2^24 keeps every partial
sum exact in float32, so a version is the same in whichever product it is made."""
LARGEST_SKETCH = 128


@dataclass(frozen=True, eq=False)
class Jacobian(Strategy):
    """d_i = epsilon sign(J^T u_i), where J holds the gradients of k random features of an image.

    To first order <φ(x + d), u> is linear in u, so k backward passes serve all versions of an
    image; each further version costs one product of small integers. Carriers u_i are Gaussian in
    k dimensions; through the k secret directions of the sketch they are random directions of the
    feature space. Each pixel's k gradients are scaled to whole numbers (which changes no sign but
    of near-zero sums), so all sums are exact. Pixels without a gradient stay as they are.

    Parameters
    ----------
    marker : Marker
        φ.
    k : int
        Directions of the sketch, 1..128: one batch holds them all.
    block : int
        The mark is constant on blocks of this side.
    memory : int
        Bytes of sketches kept at hand: one takes 0.8 MB at 32 x 32 pixels, 39 MB at 224 x 224.

    Raises
    ------
    ValueError
        For k outside 1..128 or block < 1.
    """

    marker: Marker
    k: int = 64
    block: int = 4
    memory: int = 1 << 30
    _cache: ByteBudgetCache = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.k <= LARGEST_SKETCH:
            raise ValueError(f"marking.strategy.k = {self.k}: accepted are 1 to {LARGEST_SKETCH}")
        check_block(self.block)
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
        versions = images.new_empty(*indices.shape, *images.shape[1:])
        carriers = self.carriers(secrets, ids, indices).to(images.device)
        rows_of: dict[Key, list[int]] = {}
        for row, key in enumerate(image_keys(secrets, images, ids)):
            rows_of.setdefault(key, []).append(row)
        for key, rows in rows_of.items():
            secret, image, image_id = secrets[rows[0]], images[rows[0]], ids[rows[0]]
            sketch = self._cache.find(key)
            if sketch is None:
                sketch = self._cache.add(key, self.sketch(secret, image, image_id))
            own = carriers[rows].flatten(0, 1) @ sketch.flatten(1)
            signs = own.view(-1, *sketch.shape[1:])
            up, down = (
                unblock(some.to(torch.uint8), self.block, *image.shape[1:])
                for some in (signs > 0, signs < 0)
            )
            brighter = image.clamp(max=255 - epsilon).add_(epsilon) - image
            darker = image - image.clamp(min=epsilon).sub_(epsilon)
            marked = up.mul_(brighter).add_(image).sub_(down.mul_(darker))
            versions[rows] = marked.view(len(rows), -1, *image.shape)
        return versions

    def cache_capacity(self, image: Tensor) -> int:
        """How many sketches of images like this one fit into the budget."""
        channels, height, width = image.shape
        blocks = channels * -(-height // self.block) * -(-width // self.block)
        return max(1, self.memory // (4 * self.k * blocks))

    def sketch(self, secret: bytes, image: Tensor, image_id: str) -> Tensor:
        """Whole-number gradients float32 [k, C, H/b, W/b] of k random features of an image.

        One batch of k copies of the image: its shape and content depend on nothing else.
        """
        key = derive(secret, f"sketch/{image_id}")
        drawn = gaussians(key, np.arange(self.k), self.marker.dimension(image))
        directions = torch.from_numpy(drawn).to(image.device)
        pixels = image.float().expand(self.k, *image.shape)
        gradient = self.marker.gradient(
            lambda pixels: (self.marker(pixels) * directions).sum(1), pixels
        )
        if self.block > 1:
            gradient = avg_pool2d(gradient, self.block, ceil_mode=True)
        largest = gradient.abs().amax(0).clamp(min=1e-30)
        return (gradient / largest * LEVELS).round().contiguous()

    def carriers(
        self, secrets: Sequence[bytes], ids: Sequence[str], indices: NDArray[np.int64]
    ) -> Tensor:
        """u_i as whole numbers float32 [B, m, k]: Gaussians in units of 1/32, cut at 127."""
        drawn = gaussians_of(streams_of("carriers", secrets, ids, indices), self.k)
        whole = np.clip(np.rint(32 * drawn), -COORDINATE, COORDINATE)
        return torch.from_numpy(whole.reshape(*indices.shape, self.k))

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own = {"strategy": "jacobian", "k": self.k, "block": self.block}
        return {**own, **self.marker.parameters()}
