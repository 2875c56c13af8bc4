"""Which part of an image a marker looks at: random crops with mirroring, or the centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNIFORMS = 5
"""Uniforms that one window takes."""


@dataclass(frozen=True)
class RandomCrop:
    """A crop of random area, shape and place, mirrored half of the time.

    The law is that of torchvision's RandomResizedCrop, but a crop that would not fit is shrunk to
    the image instead of drawn again: one window takes a fixed number of uniforms.

    Parameters
    ----------
    scale : (float, float)
        Range of the area, as a fraction of the image's.
    ratio : (float, float)
        Range of width / height, uniform in its logarithm.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(
                f"marking.window.scale = {self.scale}: accepted is 0 < low <= high <= 1"
            )
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"marking.window.ratio = {self.ratio}: accepted is 0 < low <= high")

    def __call__(self, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """Windows (top, left, height, width, mirrored) float32 [..., 5] from uniforms [..., 5]."""
        area, shape, down, across, coin = np.moveaxis(uniforms, -1, 0)
        low, high = np.log(self.ratio[0]), np.log(self.ratio[1])
        side = np.sqrt(self.scale[0] + area * (self.scale[1] - self.scale[0]))
        root = np.exp((low + shape * (high - low)) / 2)
        height, width = np.minimum(side / root, 1), np.minimum(side * root, 1)
        parts = [down * (1 - height), across * (1 - width), height, width, coin < 0.5]
        return np.stack(parts, -1).astype(np.float32)


@dataclass(frozen=True)
class Centre:
    """The same central square every time.

    Parameters
    ----------
    side : float
        Its side as a fraction of the image's; 224/256 is the usual centre crop.
    """

    side: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ValueError(f"marking.window.side = {self.side}: accepted are 0 < side <= 1")

    def __call__(self, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The window for each row of uniforms [..., 5], which play no part."""
        margin = (1 - self.side) / 2
        window = np.array([margin, margin, self.side, self.side, 0], np.float32)
        windows: NDArray[np.float32] = np.broadcast_to(window, uniforms.shape).copy()
        return windows
