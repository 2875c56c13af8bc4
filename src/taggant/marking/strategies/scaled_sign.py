"""Random patterns whose blocks grow with the image: marks survive the model's resizing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.strategies.sign import Sign


@dataclass(frozen=True)
class ScaledSign(Strategy):
    """`Sign` with as many blocks along the shorter side of every image, whatever its size.

    A photograph of 3,000 pixels reaches a model at 224: blocks of 2 pixels would be averaged
    away, blocks of 3000/56 arrive as 4 pixels.

    Parameters
    ----------
    cells : int
        Blocks along the shorter side, at least 1. A quarter to a half of the model's input side
        is a good choice; an image with fewer pixels gets blocks of one pixel.
    mirror : bool
        See `Sign`.

    Raises
    ------
    ValueError
        For cells < 1.
    """

    cells: int = 56
    mirror: bool = False

    def __post_init__(self) -> None:
        if self.cells < 1:
            raise ValueError(f"marking.strategy.cells = {self.cells}: accepted are 1, 2, 3, ...")

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W]; see `Strategy`."""
        sign = self.sign_for(*images.shape[-2:])
        return sign(secrets, images, ids, indices, epsilon)

    def sign_for(self, height: int, width: int) -> Sign:
        """The marks of images of this size."""
        return Sign(-(-min(height, width) // self.cells), self.mirror)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own: dict[str, object] = {"strategy": "scaled_sign", "cells": self.cells}
        return {**own, "mirror": True} if self.mirror else own
