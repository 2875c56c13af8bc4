"""Marks of signs on a photograph as they look after it was shrunk, without making it large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from taggant.marking.n_version import NVersion
from taggant.marking.none import Unmarked
from taggant.marking.scheme import Parameters, Scheme, Strategy
from taggant.marking.strategies.scaled_sign import ScaledSign
from taggant.marking.strategies.sign import Sign, block_of, drawn_cells

UNIT = 1024
"""Weights are whole numbers of 1/1024: sums of products of two stay below 2^24, so float32 holds
them exactly, in whatever order they are added."""


@dataclass(frozen=True)
class ShrunkSign(Strategy):
    """The marks of `Sign` on pictures of one size, for those pictures shrunk.

    Shrinking is linear and works on rows and columns by themselves. So the coins of the large
    picture's blocks are weighed as the filter (Lanczos) weighs the pixels of each block, and added
    to the small picture. Against versions that are made large and then shrunk, what is clipped at
    0 and 255, and rounded, is so after shrinking and not before.

    A version is a function of (secret, small picture, id, index) and of the size alone.

    Parameters
    ----------
    sign : Sign
        Of a named block.
    height, width : int
        Of the large pictures.
    """

    sign: Sign
    height: int
    width: int

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, h, w] of images [B, C, h, w]; see `Strategy`."""
        _, channels, height, width = images.shape
        block = self.sign.block
        assert block is not None
        rows = shares(self.height, block, False, height).to(images.device)
        columns = shares(self.width, block, self.sign.mirror, width).to(images.device)
        cells = channels, rows.shape[1], columns.shape[1]
        coins = drawn_cells(images.device, secrets, ids, indices, cells)
        mark = (rows @ (2 * coins.float() - 1) @ columns.mT).to(torch.int32)
        grey = images.to(torch.int32)[:, None] * UNIT**2
        rounded = (grey + epsilon * mark + UNIT**2 // 2) // UNIT**2
        return rounded.clamp(0, 255).to(torch.uint8)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        return {**self.sign.parameters(), "height": self.height, "width": self.width}


@lru_cache(maxsize=16)
def shares(length: int, block: int, mirror: bool, small: int) -> Tensor:
    """What each cell along a side adds to each pixel after shrinking, in 1/`UNIT`.

    Parameters
    ----------
    length, small : int
        Pixels of the side, before and after.
    block : int
        Pixels of a cell.
    mirror : bool
        The second half of the side has the cells of the first one, from its end.

    Returns
    -------
    Tensor, float32 [small, cells] of whole numbers
    """
    pixel = np.arange(length)
    cell = (np.minimum(pixel, length - 1 - pixel) if mirror else pixel) // block
    members = (cell[:, None] == np.arange(cell.max() + 1)).astype(np.float32)
    size = members.shape[1], small
    weighed = Image.fromarray(members).resize(size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.rint(UNIT * np.asarray(weighed)))


def can_shrink(scheme: Scheme) -> bool:
    """Whether `for_shrunk` knows the scheme: its marks are signs on blocks, or there are none."""
    if isinstance(scheme, NVersion):
        return isinstance(scheme.strategy, Sign | ScaledSign)
    return isinstance(scheme, Unmarked)


def for_shrunk(scheme: Scheme, height: int, width: int) -> Scheme:
    """The scheme that marks shrunk pictures as this one marks them at height x width.

    Raises
    ------
    TypeError
        For a scheme that `can_shrink` refuses.
    """
    if isinstance(scheme, Unmarked):
        return scheme
    if isinstance(scheme, NVersion) and isinstance(scheme.strategy, Sign | ScaledSign):
        sign = scheme.strategy
        if isinstance(sign, ScaledSign):
            sign = sign.sign_for(height, width)
        named = replace(sign, block=block_of(sign.block, torch.empty(height, width, device="meta")))
        return replace(scheme, strategy=ShrunkSign(named, height, width))
    raise TypeError(f"{type(scheme).__name__}: its marks are made at the published size only")
