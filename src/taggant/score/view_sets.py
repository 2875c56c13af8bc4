"""View sets: through which K shifts and flips, or noises, a score looks at an image's versions.

A set is chosen once an image, for all of its versions, from the owner's secret and, where it asks
the model, from the answers to the *raw* image: never from a version, so the score stays the same
function of the published version as of the hidden ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from taggant.data.augment import Redrawn


@dataclass(frozen=True)
class RawScores:
    """How a model scores raw images through views of them.

    Attributes
    ----------
    images : Tensor, uint8 [I, C, H, W], 0..255
        The raw images.
    of : callable
        Parameters of P views of each image, [I, P, ...] -> their scores, float32 [I, P].
    """

    images: Tensor
    of: Callable[[Tensor], Tensor]


class ViewSet(Protocol):
    """How K views of an image are chosen."""

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that such views cannot be chosen of."""
        ...

    def queries(self, augment: Redrawn) -> int:
        """How often the model is asked about each raw image."""
        ...

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """Parameters of `count` views of each of I images, [I, count, ...].

        Those of an image depend on its generator and on itself, and on no other image.
        """
        ...


@dataclass(frozen=True)
class Random:
    """Views are independent draws of the augmentation."""

    def check(self, augment: Redrawn) -> None:
        """Accept any augmentation that draws."""
        _method(augment, "draw", "random")

    def queries(self, augment: Redrawn) -> int:
        """None: the model is not asked."""
        return 0

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """See `ViewSet.choose`."""
        return torch.stack([augment.draw(count, generator) for generator in generators])


@dataclass(frozen=True)
class Grid:
    """Views are spread evenly over the shifts, half of them mirrored: each is still a fair draw.

    So an average over K of them varies less from image to image than one over random views does.
    """

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot spread its draws."""
        _method(augment, "stratified", "grid")

    def queries(self, augment: Redrawn) -> int:
        """None: the model is not asked."""
        return 0

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """See `ViewSet.choose`."""
        spread = _method(augment, "stratified", "grid")
        return torch.stack([spread(count, generator) for generator in generators])


@dataclass(frozen=True)
class Hardest:
    """Of all views there are, those through which the raw image has the lowest score.

    Where the model is least sure of the image, a mark that it has learnt shows most. All views of
    the raw image are asked for it: 162 queries per image for shifts by up to 4 pixels and flips.
    """

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot list its views."""
        _method(augment, "every", "hardest")

    def queries(self, augment: Redrawn) -> int:
        """As many as there are views."""
        return len(self._every(augment))

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """See `ViewSet.choose`; the secret plays no part."""
        every = self._every(augment)
        scores = raw.of(every.expand(len(raw.images), *every.shape))
        return every[scores.argsort(dim=1, stable=True)[:, :count]]

    def _every(self, augment: Redrawn) -> Tensor:
        return _method(augment, "every", "hardest")()


@dataclass(frozen=True)
class Mixed:
    """Half of the views as in `Grid`, the others the hardest of those that are left."""

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot do both."""
        Grid().check(augment)
        Hardest().check(augment)

    def queries(self, augment: Redrawn) -> int:
        """See `Hardest.queries`."""
        return Hardest().queries(augment)

    def choose(
        self, augment: Redrawn, count: int, generators: Sequence[torch.Generator], raw: RawScores
    ) -> Tensor:
        """See `ViewSet.choose`."""
        spread = Grid().choose(augment, count // 2, generators, raw)

        def left(views: Tensor) -> Tensor:
            taken = (views[:, :, None] == spread[:, None]).all(3).any(2)
            return raw.of(views).masked_fill(taken, torch.inf)

        rest = count - spread.shape[1]
        hard = Hardest().choose(augment, rest, generators, RawScores(raw.images, left))
        return torch.cat([spread, hard], 1)


def _method(augment: Redrawn, method: str, name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] | None = getattr(augment, method, None)
    if found is None:
        raise ValueError(
            f"score/view_set={name} needs shifts and flips (score/augment=crop_flip), and "
            f"{type(augment).__name__} is something else: choose random"
        )
    return found
