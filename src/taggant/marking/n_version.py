"""n marked versions of an image, one of which is published (arXiv 2503.22413)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Scheme, Strategy
from taggant.marking.strategies.sign import Sign

__all__ = ["NVersion", "Sign"]


@dataclass(frozen=True)
class NVersion(Scheme):
    """n versions of each image by one strategy, inside an L-infinity ball of `radius`.

    Parameters
    ----------
    n : int
        Versions per image, the published one included; at least 2.
    epsilon : int
        Largest change of a pixel in grey levels, 1..255; of the strategies that retouch it is the
        part of the change that is no retouching.
    strategy : Strategy
        How versions differ, e.g. `Sign`.

    Raises
    ------
    ValueError
        For n < 2 or epsilon outside 1..255.
    TypeError
        For a strategy that is no strategy (a bare name, say).
    """

    n: int
    epsilon: int
    strategy: Strategy

    def __post_init__(self) -> None:
        if self.n < 2:
            raise ValueError(f"marking.n = {self.n}: at least 2 versions are needed to hide one")
        check_epsilon(self.epsilon)
        if not callable(self.strategy):
            raise TypeError(
                f"marking.strategy = {self.strategy!r}: choose one with marking/strategy=NAME "
                "(a file of conf/marking/strategy)"
            )

    def versions(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        labels: Tensor | None = None,
    ) -> Tensor:
        """See `Scheme.versions`; labels play no part."""
        return self.strategy(secrets, images, ids, indices, self.epsilon)

    @property
    def radius(self) -> int:
        """Largest change of a pixel in grey levels."""
        return self.strategy.radius(self.epsilon)

    def cache_capacity(self, image: Tensor) -> int:
        """See `Scheme.cache_capacity`."""
        return self.strategy.cache_capacity(image)

    def parameters(self) -> Parameters:
        """See `Scheme.parameters`."""
        return {"n": self.n, "epsilon": self.epsilon, **self.strategy.parameters()}


def check_epsilon(epsilon: int) -> None:
    """Refuse a radius that is no whole number of grey levels from 1 to 255."""
    if not 1 <= epsilon <= 255 or int(epsilon) != epsilon:
        raise ValueError(
            f"marking.epsilon = {epsilon}: accepted are whole grey levels from 1 to 255"
        )
