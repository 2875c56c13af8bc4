"""View sets: through which K shifts and flips a score looks at the versions of an image.

A set is chosen once an image, for all of its versions, from the owner's secret and, where it asks
the model, from the answers to the *raw* image: never from a version, so the score stays the same
function of the published version as of the hidden ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from taggant.data.augment import Redrawn


class ViewSet(Protocol):
    """How K views of an image are chosen."""

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that such views cannot be chosen of."""
        ...

    def candidates(self, augment: Redrawn) -> Tensor | None:
        """Views [P, ...] through which the raw image's scores must be known; None for none."""
        ...

    def choose(
        self, augment: Redrawn, count: int, generator: torch.Generator, scores: Tensor
    ) -> Tensor:
        """Parameters of `count` views, [count, ...], from scores [P] of the raw image."""
        ...


@dataclass(frozen=True)
class Random:
    """Views are independent draws of the augmentation."""

    def check(self, augment: Redrawn) -> None:
        """Accept any augmentation."""

    def candidates(self, augment: Redrawn) -> None:
        """None: the model is not asked."""

    def choose(
        self, augment: Redrawn, count: int, generator: torch.Generator, scores: Tensor
    ) -> Tensor:
        """See `ViewSet.choose`."""
        return augment.draw(count, generator)


@dataclass(frozen=True)
class Grid:
    """Views are spread evenly over the shifts, half of them mirrored: each is still a fair draw.

    So an average over K of them varies less from image to image than one over random views does.
    """

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot spread its draws."""
        _method(augment, "stratified", "grid")

    def candidates(self, augment: Redrawn) -> None:
        """None: the model is not asked."""

    def choose(
        self, augment: Redrawn, count: int, generator: torch.Generator, scores: Tensor
    ) -> Tensor:
        """See `ViewSet.choose`."""
        return _method(augment, "stratified", "grid")(count, generator)


@dataclass(frozen=True)
class Hardest:
    """Of all views there are, those through which the raw image has the lowest score.

    Where the model is least sure of the image, a mark that it has learnt shows most. All views of
    the raw image are asked for it: 162 queries per image for shifts by up to 4 pixels and flips.
    """

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot list its views."""
        _method(augment, "every", "hardest")

    def candidates(self, augment: Redrawn) -> Tensor:
        """All views there are."""
        return _method(augment, "every", "hardest")()

    def choose(
        self, augment: Redrawn, count: int, generator: torch.Generator, scores: Tensor
    ) -> Tensor:
        """See `ViewSet.choose`; the secret plays no part."""
        return self.candidates(augment)[scores.argsort(stable=True)[:count]]


@dataclass(frozen=True)
class Mixed:
    """Half of the views as in `Grid`, the others the hardest of those that are left."""

    def check(self, augment: Redrawn) -> None:
        """Refuse an augmentation that cannot do both."""
        Grid().check(augment)
        Hardest().check(augment)

    def candidates(self, augment: Redrawn) -> Tensor:
        """See `Hardest.candidates`."""
        return Hardest().candidates(augment)

    def choose(
        self, augment: Redrawn, count: int, generator: torch.Generator, scores: Tensor
    ) -> Tensor:
        """See `ViewSet.choose`."""
        spread = Grid().choose(augment, count // 2, generator, scores)
        taken = (self.candidates(augment)[:, None] == spread).all(2).any(1)
        left = scores.masked_fill(taken, torch.inf)
        return torch.cat([spread, Hardest().choose(augment, count - len(spread), generator, left)])


def _method(augment: Redrawn, method: str, name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] | None = getattr(augment, method, None)
    if found is None:
        raise ValueError(
            f"score/view_set={name} needs shifts and flips (score/augment=crop_flip), and "
            f"{type(augment).__name__} is something else: choose random"
        )
    return found
