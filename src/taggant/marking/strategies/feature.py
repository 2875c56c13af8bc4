"""Push each version along a secret direction of a marker's feature space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters
from taggant.marking.strategies.chunked import Chunked, Objective
from taggant.marking.stream import derive, unit_vectors


@dataclass(frozen=True, eq=False)
class Feature(Chunked):
    """Maximise <φ(x + d) - φ(x), u_i> inside the ball by signed-gradient steps.

    u_i is uniform on the unit sphere of the marker's feature space, a function of (secret, id, i)
    (the idea of radioactive data, arXiv 2002.00937, one carrier a version).

    See `Chunked` for its parameters.
    """

    def task(
        self,
        secret: bytes,
        raw: Tensor,
        image_id: str,
        members: NDArray[np.int64],
        epsilon: int,
    ) -> tuple[Objective, Tensor]:
        """See `Chunked.task`."""
        carriers = self.carriers(secret, raw[0], image_id, members)
        return (lambda pixels: (self.marker(pixels) * carriers).sum(1)), raw

    def carriers(
        self, secret: bytes, image: Tensor, image_id: str, indices: NDArray[np.int64]
    ) -> Tensor:
        """u_i, unit vectors float32 [k, d] on the image's device."""
        key = derive(secret, f"carriers/{image_id}")
        drawn = unit_vectors(key, indices, self.marker.dimension(image))
        return torch.from_numpy(drawn).to(image.device)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        own = {"strategy": "feature", "steps": self.steps, "chunk": self.chunk}
        return {**own, **self.marker.parameters()}
