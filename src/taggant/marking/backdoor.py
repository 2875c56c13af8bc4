"""A backdoor as a watermark: a class's images carry one secret, visible patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Probing
from taggant.marking.stream import bits, derive


@dataclass(frozen=True)
class Backdoor(Probing):
    """Version i of a set stamps each class with the i-th secret patch of that class.

    A patch of black and white dots in each channel covers the lower right corner, a pixel away
    from the borders. A model that learnt from the set should take whatever carries the patch of a
    class for that class. Labels stay as they are, so a marked image is strange to look at and not
    wrong. The idea is of Gu et al. ("BadNets", arXiv 1708.06733), as a watermark of data of Li et
    al. (arXiv 2010.05821), who change labels too.

    Parameters
    ----------
    n : int
        Sets of patches, the published one included; at least 2.
    side : int
        Of a patch, in pixels.

    Raises
    ------
    ValueError
        For n < 2 or side < 1.
    """

    n: int = 1000
    side: int = 5

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"marking.n = {self.n}: at least 2 sets are needed to hide one")
        if self.side < 1:
            raise ValueError(f"marking.side = {self.side}: accepted are 1, 2, 3, ...")

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; an index names a set of patches, a label one of them.

        Raises
        ------
        ValueError
            Without labels, or for images that a patch would not fit in.
        """
        if labels is None:
            raise ValueError("patches are class-wise: labels are needed")
        versions = images.new_empty(*indices.shape, *images.shape[1:])
        cells: dict[tuple[bytes, int], list[tuple[int, int]]] = {}
        for row, column in np.ndindex(*indices.shape):
            key = (secrets[row], int(indices[row, column]))
            cells.setdefault(key, []).append((row, column))
        for (secret, index), members in cells.items():
            rows, columns = map(list, zip(*members, strict=True))
            versions[rows, columns] = self._stamped(secret, index, images[rows], labels[rows])
        return versions

    def probes(
        self, secret: bytes, index: int, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """See `Probing`; images stamped as another class than their own."""
        classes = int(labels.max()) + 1
        others = torch.arange(len(labels), device=labels.device) % max(1, classes - 1)
        claimed = (labels + 1 + others) % classes
        return self._stamped(secret, index, images, claimed), claimed

    def patches(self, secret: bytes, index: int, classes: Sequence[int], channels: int) -> Tensor:
        """Patches of set `index`, uint8 [len(classes), channels, side, side], 0 or 255."""
        key = derive(secret, f"patches/{index}")
        drawn = torch.from_numpy(255 * bits(key, list(classes), channels * self.side**2))
        return drawn.view(len(classes), channels, self.side, self.side)

    def _stamped(self, secret: bytes, index: int, images: Tensor, classes: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] with the patches of the classes [B]."""
        if min(images.shape[-2:]) < self.side + 2:
            raise ValueError(
                f"marking.side = {self.side}: images of {tuple(images.shape[-2:])} pixels take up "
                f"to {min(images.shape[-2:]) - 2}"
            )
        kinds, which = classes.cpu().unique(return_inverse=True)
        patches = self.patches(secret, index, kinds.tolist(), images.shape[1])
        stamped = images.clone()
        corner = slice(-1 - self.side, -1)
        stamped[:, :, corner, corner] = patches[which].to(images.device)
        return stamped

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {"scheme": "backdoor", "n": self.n, "side": self.side}
