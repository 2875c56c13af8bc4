"""No marks: for owners who will not alter their pictures and draw which of them are published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Scheme


@dataclass(frozen=True)
class Unmarked(Scheme):
    """The raw image is its only version: the evidence is in which images were published."""

    n: int = 1

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`: the images as they are."""
        return images[:, None].expand(-1, indices.shape[1], -1, -1, -1)

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {"n": self.n, "strategy": "none"}
