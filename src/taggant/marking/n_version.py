"""n marked versions of an image, one of which is published (arXiv 2503.22413)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Strategy(Protocol):
    """How the n versions of an image are made different from each other."""

    def __call__(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W] within `epsilon` grey levels (0..255) of `images`."""
        ...

    def parameters(self) -> Mapping[str, Any]:
        """What fixes the marks besides secret, image and epsilon."""
        ...


@dataclass(frozen=True)
class NVersion:
    """n versions of each image by one strategy, inside an L-infinity ball.

    Parameters
    ----------
    n : int
        Versions per image, the published one included; at least 2.
    epsilon : int
        Largest change of a pixel in grey levels, 1..255.
    strategy : Strategy
        How versions differ, e.g. `Sign`.

    Raises
    ------
    ValueError
        For n < 2 or epsilon outside 1..255.
    TypeError
        For a strategy that is no strategy (a bare name, say).
    """

    n: int
    epsilon: int
    strategy: Strategy

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"marking.n = {self.n}: at least 2 versions are needed to hide one")
        if not 1 <= self.epsilon <= 255 or int(self.epsilon) != self.epsilon:
            raise ValueError(
                f"marking.epsilon = {self.epsilon}: accepted are whole grey levels from 1 to 255"
            )
        if not callable(self.strategy):
            raise TypeError(
                f"marking.strategy = {self.strategy!r}: choose one with marking/strategy=NAME "
                "(a file of conf/marking/strategy)"
            )

    def versions(
        self, secret: bytes, images: Tensor, ids: Sequence[str], indices: NDArray[Any]
    ) -> Tensor:
        """See `Scheme.versions`."""
        return self.strategy(secret, images, ids, indices, self.epsilon)

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        return {"n": self.n, "epsilon": self.epsilon, **self.strategy.parameters()}


@dataclass(frozen=True)
class Sign:
    """A secret pattern of +-epsilon, constant on blocks of b x b pixels in each channel.

    No model is needed. The pattern of version i of an image is the SHAKE-128 stream of
    HMAC-SHA256(secret, id) and i: integer arithmetic only, so the versions are the same bit for
    bit on every device, and whoever sees one learns nothing of the others.

    Parameters
    ----------
    block : int
        Side of a block in pixels, at least 1. Larger blocks survive blurring, smaller ones give
        more distinct versions.
    """

    block: int = 2

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"marking.strategy.block = {self.block}: accepted are 1, 2, 3, ...")

    def __call__(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W]; see `Strategy`."""
        count, channels, height, width = images.shape
        rows, columns = -(-height // self.block), -(-width // self.block)
        bits = _bits(secret, ids, indices, channels * rows * columns)
        blocks = torch.from_numpy(bits).to(images.device)
        blocks = blocks.view(count, indices.shape[1], channels, rows, columns)
        signs = blocks.repeat_interleave(self.block, -2).repeat_interleave(self.block, -1)
        signs = signs[..., :height, :width].to(torch.int16) * 2 - 1
        marked = images.to(torch.int16).unsqueeze(1) + epsilon * signs
        return marked.clamp_(0, 255).to(torch.uint8)

    def parameters(self) -> Mapping[str, Any]:
        """See `Strategy.parameters`."""
        return {"strategy": "sign", "block": self.block}


def _bits(secret: bytes, ids: Sequence[str], indices: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Secret uniform bits, uint8 0/1 [B, k, bits], one stream per (id, index)."""
    size = -(-bits // 8)
    streams = b"".join(
        hashlib.shake_128(key + int(index).to_bytes(8, "big")).digest(size)
        for key, row in zip((_image_key(secret, i) for i in ids), indices, strict=True)
        for index in row
    )
    packed = np.frombuffer(streams, np.uint8).reshape(*indices.shape, size)
    return np.unpackbits(packed, axis=-1, count=bits)


def _image_key(secret: bytes, image_id: str) -> bytes:
    return hmac.digest(secret, b"taggant/marks/" + image_id.encode(), "sha256")
