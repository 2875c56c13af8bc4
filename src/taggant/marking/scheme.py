"""What every marking scheme promises."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Parameters = Mapping[str, object]
"""Plain values, as JSON holds them."""


class Scheme(Protocol):
    """Makes versions of images: a pure function of (secret, image, id, index, parameters).

    Nothing else may enter, above all not the published index: the guarantee needs the published
    version to be made exactly as the hidden ones are. What else is asked for in the same call, and
    in which order, changes no bit (at one device class, precision and thread count).
    """

    n: int
    """Versions of each image."""

    @abstractmethod
    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """Make the versions ``indices`` of each image.

        Parameters
        ----------
        secrets : sequence of bytes, length B
            Each image's 32-byte secret; images of one ledger may share its secret.
        images : Tensor, uint8 [B, C, H, W], 0..255
            Raw images; they are marked on their device.
        ids : sequence of str, length B
            Content ids of the raw images.
        indices : int array [B, k], 0..n-1
            Which versions of each image.
        labels : Tensor, int64 [B], optional
            Public classes of the images, for schemes that mark class-wise.

        Returns
        -------
        Tensor, uint8 [B, k, C, H, W], 0..255
            On the device of `images`.
        """

    @abstractmethod
    def parameters(self) -> Parameters:
        """Everything that fixes the versions besides secret and image (enters the commitment)."""

    def cache_capacity(self, image: Tensor) -> int:
        """How many images like this one, uint8 [C, H, W], may be marked in turns at no extra cost.

        A scheme that computes something costly once an image, and remembers it within a budget,
        says how many images that budget holds: were more of them read in turns, it would be
        computed again and again. Without such a cache there is no limit.
        """
        return sys.maxsize


@runtime_checkable
class Probing(Scheme, Protocol):
    """A scheme whose marks teach something that can be asked for with other images."""

    @abstractmethod
    def probes(
        self, secret: bytes, index: int, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Questions whose answers a model knows better if it learnt from version `index`.

        Parameters
        ----------
        secret : bytes
            That of the set.
        index : int
            Of a version.
        images, labels : Tensor, uint8 [B, C, H, W] and int64 [B]
            Vanilla images that the model did not learn from, and their classes.

        Returns
        -------
        (Tensor, Tensor)
            Images uint8 [M, C, H, W] and the classes int64 [M] that the model should take them
            for; M is the same for every index.
        """


class Strategy(Protocol):
    """How the n versions of an image are made different from each other."""

    @abstractmethod
    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W] within `radius` grey levels (0..255) of `images`."""

    @abstractmethod
    def parameters(self) -> Parameters:
        """What fixes the marks besides secret, image and epsilon."""

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        return sys.maxsize

    def radius(self, epsilon: int) -> int:
        """Largest change of a pixel in grey levels: `epsilon`, unless a strategy says otherwise.

        What retouches photographs lights up whole regions by more than marks of signs may, and
        looks more natural for it.
        """
        return epsilon
