"""No marks: for owners who will not alter their pictures and draw which of them are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Unmarked:
    """The raw image is its only version: the evidence is in which images were published."""

    n: int = 1

    def versions(
        self,
        secret: bytes,
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[Any],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`: the images as they are."""
        return images[:, None].expand(-1, indices.shape[1], -1, -1, -1)

    def parameters(self) -> Mapping[str, Any]:
        """See `Scheme.parameters`."""
        return {"n": self.n, "strategy": "none"}
