"""An owner's versions: transparency left alone, and as a platform shows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Scheme
from taggant.owner.ledger import FolderLedger
from taggant.owner.transform import Transform


class ColoursOnly(Scheme):
    """A scheme that marks the colours of pictures and leaves their transparency alone.

    Parameters
    ----------
    scheme : Scheme
        Marks the colours.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme
        self.n = scheme.n

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; images uint8 [B, C, H, W] may have an alpha channel, the last."""
        colours = images.shape[1] - int(images.shape[1] in (2, 4))
        marked = self.scheme.versions(secrets, images[:, :colours], ids, indices, labels)
        if colours == images.shape[1]:
            return marked
        alpha = images[:, None, colours:].expand(-1, marked.shape[1], -1, -1, -1)
        return torch.cat([marked, alpha], 2)

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return self.scheme.parameters()

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        colours = len(image) - int(len(image) in (2, 4))
        return self.scheme.cache_capacity(image[:colours])


def as_marked(ledger: FolderLedger) -> Transformed:
    """A ledger's versions as they were published."""
    return Transformed(ColoursOnly(ledger.scheme), Transform.from_terms(ledger.terms))


class Transformed(Scheme):
    """A scheme whose versions arrive as a platform shows them: all through the same transform."""

    def __init__(self, scheme: Scheme, transform: Transform) -> None:
        self.scheme = scheme
        self.transform = transform
        self.n = scheme.n

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; the size may be another one than the raw images'."""
        made = self.scheme.versions(secrets, images, ids, indices, labels)
        if not self.transform:
            return made
        flat = [self.transform(version) for version in made.cpu().flatten(0, 1)]
        shown: Tensor = torch.stack(flat).unflatten(0, made.shape[:2])
        return shown

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {**self.scheme.parameters(), "transform": str(self.transform)}

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        return self.scheme.cache_capacity(image)
