"""What every marking scheme promises."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor


class Scheme(Protocol):
    """Makes versions of images: a pure function of (secret, image, id, index, parameters).

    Nothing else may enter, above all not the published index: the guarantee needs the published
    version to be made exactly as the hidden ones are. What else is asked for in the same call, and
    in which order, changes no bit (at one device class, precision and thread count).
    """

    @property
    def n(self) -> int:
        """Versions of each image."""
        ...

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """Make the versions ``indices`` of each image.

        Parameters
        ----------
        secret : bytes
            The ledger's 32-byte secret.
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
        ...

    def parameters(self) -> Mapping[str, Any]:
        """Everything that fixes the versions besides secret and image (enters the commitment)."""
        ...


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
        """Versions uint8 [B, k, C, H, W] within `epsilon` grey levels (0..255) of `images`.

        A strategy with a radius of its own keeps to that one; see `radius`.
        """
        ...

    def parameters(self) -> Mapping[str, Any]:
        """What fixes the marks besides secret, image and epsilon."""
        ...


def at_hand(maker: Scheme | Strategy, image: Tensor) -> int:
    """How many images like this one, uint8 [C, H, W], may be marked in turns at no extra cost.

    What makes versions from something costly that it keeps of each image, within a budget, says so
    with a method of this name; reading more images in turns would have that made again and again.
    """
    own = getattr(maker, "at_hand", None)
    return sys.maxsize if own is None else int(own(image))


def radius(strategy: Strategy, epsilon: int) -> int:
    """Largest change of a pixel in grey levels: `epsilon`, unless the strategy says otherwise.

    What retouches photographs lights up whole regions by more than marks of signs may, and looks
    more natural for it; it says how far it goes with a method of this name.
    """
    own = getattr(strategy, "radius", None)
    return epsilon if own is None else int(own(epsilon))
