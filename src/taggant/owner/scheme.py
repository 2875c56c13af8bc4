"""An owner's versions: each picture under a secret of its own, and as a platform shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Scheme
from taggant.owner.transform import Transform


class PerPicture:
    """A scheme that marks each picture under its own secret, and leaves transparency alone.

    Parameters
    ----------
    scheme : Scheme
        Marks the colours.
    secrets : mapping of id to bytes
        Each picture's secret; the secret that `versions` is called with plays no part.
    """

    def __init__(self, scheme: Scheme, secrets: Mapping[str, bytes]) -> None:
        self.scheme = scheme
        self.secrets = secrets
        self.n = scheme.n

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; images uint8 [B, C, H, W] may have an alpha channel, the last."""
        colours = images.shape[1] - int(images.shape[1] in (2, 4))
        parts = []
        for row, image_id in enumerate(ids):
            one = slice(row, row + 1)
            marked = self.scheme.versions(
                self.secrets[image_id],
                images[one, :colours],
                [image_id],
                np.asarray(indices[one]),
                None if labels is None else labels[one],
            )
            alpha = images[one, None, colours:].expand(-1, marked.shape[1], -1, -1, -1)
            parts.append(torch.cat([marked, alpha], 2))
        return torch.cat(parts)

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        return self.scheme.parameters()


class Transformed:
    """A scheme whose versions arrive as a platform shows them: all through the same transform."""

    def __init__(self, scheme: Scheme, transform: Transform) -> None:
        self.scheme = scheme
        self.transform = transform
        self.n = scheme.n

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; the size may be another one than the raw images'."""
        made = self.scheme.versions(secret, images, ids, indices, labels)
        if not self.transform:
            return made
        flat = [self.transform(version) for version in made.cpu().flatten(0, 1)]
        shown: Tensor = torch.stack(flat).unflatten(0, made.shape[:2])
        return shown

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        return {**self.scheme.parameters(), "transform": str(self.transform)}
