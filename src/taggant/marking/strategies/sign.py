"""Random patterns of +-epsilon: no model is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.stream import bits, derive


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
        coins = [
            bits(derive(secret, f"marks/{i}"), row, channels * rows * columns)
            for i, row in zip(ids, indices, strict=True)
        ]
        blocks = torch.from_numpy(np.stack(coins)).to(images.device)
        blocks = blocks.view(count, indices.shape[1], channels, rows, columns)
        signs = unblock(blocks, self.block, height, width).to(torch.int16) * 2 - 1
        marked = images.to(torch.int16).unsqueeze(1) + epsilon * signs
        return marked.clamp_(0, 255).to(torch.uint8)

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
    spread = blocks.repeat_interleave(side, -2).repeat_interleave(side, -1)
    return spread[..., :height, :width]
