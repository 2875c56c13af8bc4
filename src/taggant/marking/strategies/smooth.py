"""Coloured light: secret signs that fade into each other, so that no block has an edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.strategies.sign import block_of, check_block, drawn_cells, mirrored

UNIT = 256
"""Weights of the interpolation are whole numbers of 1/256: products stay below 2^24."""


@dataclass(frozen=True)
class Smooth(Strategy):
    """The mirrored signs of `Sign`, bilinear between the centres of their cells.

    Each channel has signs of its own, so an image looks as if coloured light fell on it. A pixel
    changes by epsilon at the centre of a cell and by less between cells of unlike signs. Integer
    arithmetic only, so the versions are the same bit for bit on every device.

    Parameters
    ----------
    block : int, optional
        Distance of the cells' centres in pixels, at least 1. Without, a quarter of the image's
        shorter side, rounded up.

    Raises
    ------
    ValueError
        For block < 1.
    """

    block: int | None = None

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
        light = self.light(secrets, images, ids, indices, epsilon)
        return light.add_(images.unsqueeze(1)).clamp_(0, 255).to(torch.uint8)

    def light(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """What is added to the images, int32 [B, k, C, H, W] in -epsilon..epsilon."""
        _, channels, height, width = images.shape
        block = block_of(self.block, images)
        half = (width + 1) // 2
        cells = (channels, -(-height // block), -(-half // block))
        coins = drawn_cells(images.device, secrets, ids, indices, cells)
        signs = (2 * coins.to(torch.int32) - 1) * epsilon
        rows = between(signs.mT, block, height).mT
        columns = between(rows, block, half)
        rounded = (columns + UNIT**2 // 2) // UNIT**2
        return mirrored(rounded, width)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        return {"strategy": "smooth", "block": self.block}


def between(cells: Tensor, block: int, length: int) -> Tensor:
    """Values int32 [..., length] between cells int32 [..., m], times `UNIT`.

    Cell j is centred at pixel (j + 1/2) block. Beyond the outer centres a cell's value goes on.
    """
    pixel = torch.arange(length, device=cells.device)
    halves = (2 * pixel + 1 - block).clamp(min=0)  # of a pixel, from the first centre
    last = cells.shape[-1] - 1
    low = (halves // (2 * block)).clamp(max=last)
    high = (low + 1).clamp(max=last)
    share = ((halves % (2 * block)) * UNIT // (2 * block)).to(torch.int32)
    return cells[..., low] * (UNIT - share) + cells[..., high] * share
