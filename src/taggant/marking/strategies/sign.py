"""Random patterns of +-epsilon: no model is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.stream import bits_on, streams_of

CELLS = 4
"""Blocks along the shorter side where none is named: 8 pixels at 32."""
BAND = 8 << 20
"""Bytes of versions that are made at once: of a photograph a band after the other."""


@dataclass(frozen=True)
class Sign(Strategy):
    """A secret pattern of +-epsilon, constant on blocks of b x b pixels in each channel.

    No model is needed. The pattern of version i of an image is stream i of HMAC-SHA256(secret, id)
    (`taggant.marking.stream`): integer arithmetic only, so the versions are the same bit for bit
    on every device, and whoever sees one learns nothing of the others.

    Parameters
    ----------
    block : int, optional
        Side of a block in pixels, at least 1. Larger blocks survive blurring, smaller ones give
        more distinct versions. Without, a quarter of the image's shorter side, rounded up: images
        are those that the model sees.
    mirror : bool
        The right half of the pattern is the mirror image of the left one, exactly, also where the
        width is odd (both have the middle column). Victims that see mirrored images then see one
        mark and not two; half as many blocks are free.

    Raises
    ------
    ValueError
        For block < 1.
    """

    block: int | None = None
    mirror: bool = False

    def __post_init__(self) -> None:
        if self.block is not None:
            check_block(self.block)

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W]; see `Strategy`."""
        _, channels, height, width = images.shape
        block = block_of(self.block, images)
        free = (width + 1) // 2 if self.mirror else width
        cells = (channels, -(-height // block), -(-free // block))
        coins = drawn_cells(images.device, secrets, ids, indices, cells)
        rows = max(1, BAND * cells[1] // (coins.shape[0] * coins.shape[1] * images[0].numel()))
        if rows >= cells[1]:
            return self._coloured(coins, images, block, epsilon)
        made = images.new_empty(*coins.shape[:3], height, width)
        for some, top in zip(coins.split(rows, -2), range(0, height, rows * block), strict=True):
            band = slice(top, top + rows * block)
            made[..., band, :] = self._coloured(some, images[..., band, :], block, epsilon)
        return made

    def _coloured(self, coins: Tensor, images: Tensor, block: int, epsilon: int) -> Tensor:
        """Versions of images of whole rows of blocks, from the blocks' coins."""
        height, width = images.shape[-2:]
        free = (width + 1) // 2 if self.mirror else width
        pattern = unblock(coins, block, height, free)
        if self.mirror:
            pattern = mirrored(pattern, width)
        brighter = images.clamp(max=255 - epsilon).add_(epsilon).unsqueeze(1)
        darker = images.clamp(min=epsilon).sub_(epsilon).unsqueeze(1)
        return pattern * (brighter - darker) + darker

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`; ``mirror`` is left out where false, as in old ledgers."""
        own: dict[str, object] = {"strategy": "sign", "block": self.block}
        return {**own, "mirror": True} if self.mirror else own


def block_of(block: int | None, images: Tensor) -> int:
    """Side of a block in pixels: as named, or a quarter of the shorter side of [..., H, W]."""
    return -(-min(images.shape[-2:]) // CELLS) if block is None else block


def drawn_cells(
    device: torch.device,
    secrets: Sequence[bytes],
    ids: Sequence[str],
    indices: NDArray[np.int64],
    shape: tuple[int, int, int],
) -> Tensor:
    """The coins of a mark, uint8 0/1 [B, k, channels, rows, columns], on a device."""
    streams = streams_of("marks", secrets, ids, indices)
    coins = bits_on(device, streams, shape[0] * shape[1] * shape[2])
    return coins.view(len(ids), -1, *shape)


def mirrored(half: Tensor, width: int) -> Tensor:
    """Columns [..., (width + 1) // 2] and their mirror image, [..., width]."""
    return torch.cat([half, half[..., : width // 2].flip(-1)], -1)


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
