"""Which part of an image a marker looks at: random crops with mirroring, or the centre."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray


class Window(Protocol):
    """Makes windows of uniforms."""

    @property
    def uniforms(self) -> int:
        """Uniforms U that one window takes."""
        ...

    def __call__(self, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """Windows (top, left, height, width, mirrored) float32 [..., 5] from uniforms [..., U]."""
        ...


@dataclass(frozen=True)
class RandomCrop:
    """A crop of random area, shape and place, mirrored half of the time.

    The law is that of torchvision's RandomResizedCrop, which the reference code of radioactive data
    uses: a crop that does not fit is drawn again. One window takes a fixed number of uniforms,
    whichever of its attempts fits.

    Parameters
    ----------
    scale : (float, float)
        Range of the area, as a fraction of the image's.
    ratio : (float, float)
        Range of width / height, uniform in its logarithm.
    attempts : int
        Crops that are drawn until one fits; if none does, the last is cut to the image. With 1, as
        in ledgers of old, windows are larger: .534 of the image's area on average and not .478.
    """

    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    attempts: int = 10

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise ValueError(
                f"marking.window.scale = {self.scale}: accepted is 0 < low <= high <= 1"
            )
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise ValueError(f"marking.window.ratio = {self.ratio}: accepted is 0 < low <= high")
        if self.attempts < 1:
            raise ValueError(
                f"marking.window.attempts = {self.attempts}: accepted are 1, 2, 3, ..."
            )

    @property
    def uniforms(self) -> int:
        """Uniforms that one window takes."""
        return 2 * self.attempts + 3

    def __str__(self) -> str:
        """As ledgers hold it; those of old know nothing of attempts."""
        shown = repr(self)
        return shown.replace(", attempts=1)", ")")

    def __call__(self, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """Windows (top, left, height, width, mirrored) float32 [..., 5] from uniforms [..., U]."""
        drawn = np.moveaxis(uniforms, -1, 0)
        area, shape = drawn[: 2 * self.attempts : 2], drawn[1 : 2 * self.attempts : 2]
        down, across, coin = drawn[2 * self.attempts :]
        low, high = np.log(self.ratio[0]), np.log(self.ratio[1])
        side = np.sqrt(self.scale[0] + area * (self.scale[1] - self.scale[0]))
        root = np.exp((low + shape * (high - low)) / 2)
        fits = (side * np.maximum(root, 1 / root) <= 1)[: self.attempts - 1]
        first = np.where(fits.any(0), fits.argmax(0), self.attempts - 1) if len(fits) else 0
        chosen = np.broadcast_to(first, down.shape)[None]
        side, root = (np.take_along_axis(each, chosen, 0)[0] for each in (side, root))
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
    uniforms: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.side <= 1:
            raise ValueError(f"marking.window.side = {self.side}: accepted are 0 < side <= 1")

    def __call__(self, uniforms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The window for each row of uniforms [..., 1], which play no part."""
        margin = (1 - self.side) / 2
        window = np.array([margin, margin, self.side, self.side, 0], np.float32)
        windows: NDArray[np.float32] = np.broadcast_to(window, (*uniforms.shape[:-1], 5)).copy()
        return windows
