"""What every marking scheme promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor


class Scheme(Protocol):
    """Makes versions of images: a pure function of (secret, image, id, index, parameters).

    Nothing else may enter, above all not the published index: the guarantee needs the published
    version to be made exactly as the hidden ones are.
    """

    n: int

    def versions(
        self, secret: bytes, images: Tensor, ids: Sequence[str], indices: NDArray[Any]
    ) -> Tensor:
        """Make the versions ``indices`` of each image.

        Parameters
        ----------
        secret : bytes
            The ledger's 32-byte secret.
        images : Tensor, uint8 [B, C, H, W], 0..255
            Raw images.
        ids : sequence of str, length B
            Content ids of the raw images.
        indices : int array [B, k], 0..n-1
            Which versions of each image.

        Returns
        -------
        Tensor, uint8 [B, k, C, H, W], 0..255
            On the device of `images`.
        """
        ...

    def parameters(self) -> Mapping[str, Any]:
        """Everything that fixes the versions besides secret and image (enters the commitment)."""
        ...
