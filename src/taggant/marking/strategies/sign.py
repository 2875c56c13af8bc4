"""Random patterns of +-epsilon: no model is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.stream import bits_of, derive


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

    block: int = 8

    def __post_init__(self) -> None:
        check_block(self.block)

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
        keys = {image_id: derive(secret, f"marks/{image_id}") for image_id in set(ids)}
        streams = [(keys[i], index) for i, row in zip(ids, indices, strict=True) for index in row]
        coins = torch.from_numpy(bits_of(streams, channels * rows * columns)).to(images.device)
        blocks = coins.view(count, -1, channels, rows, columns)
        brighter = images.clamp(max=255 - epsilon).add_(epsilon).unsqueeze(1)
        darker = images.clamp(min=epsilon).sub_(epsilon).unsqueeze(1)
        return unblock(blocks, self.block, height, width) * (brighter - darker) + darker

    def parameters(self) -> Mapping[str, Any]:
        """See `Strategy.parameters`."""
        return {"strategy": "sign", "block": self.block}


def check_block(block: int) -> None:
    """Refuse a block without pixels."""
    if block < 1:
        raise ValueError(f"marking.strategy.block = {block}: accepted are 1, 2, 3, ...")


def unblock(blocks: Tensor, side: int, height: int, width: int) -> Tensor:
    """Repeat each value on a block of side x side pixels, [..., H, W] cut to height x width."""
    if side == 1:
        return blocks
    *many, rows, columns = blocks.shape
    wide = torch.stack([blocks] * side, -1).view(*many, rows, 1, columns * side)
    spread = torch.cat([wide] * side, -2).view(*many, rows * side, columns * side)
    return spread[..., :height, :width]
