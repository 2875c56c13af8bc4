"""Which of the published images the victim's maker takes: a part of the trial, never of an audit.

Audits among withheld images assume that whether a published image is taken does not depend on its
content within a stratum (theorem 10). `Random` keeps to that; the others show what it costs not to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from taggant.data.imageset import ImageSet


class Selection(Protocol):
    """A maker's choice."""

    def __call__(self, raw: ImageSet, used: int) -> NDArray[np.bool_]:
        """Which of the published images enter training, [N].

        Parameters
        ----------
        raw : ImageSet
            Raw images of what was published, N, in random order.
        used : int
            How many enter training, at most N.
        """
        ...


@dataclass(frozen=True)
class Random:
    """Takes any: no dependence on content."""

    def __call__(self, raw: ImageSet, used: int) -> NDArray[np.bool_]:
        """See `Selection`."""
        return np.arange(len(raw)) < used


@dataclass(frozen=True)
class Classes:
    """Takes images of some classes only: the first ones by number.

    Parameters
    ----------
    share : float
        Of the classes that are there, 0..1; at least one class is taken.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(
                f"marking.selection.share = {self.share}: accepted are numbers above 0, up to 1"
            )

    def __call__(self, raw: ImageSet, used: int) -> NDArray[np.bool_]:
        """See `Selection`.

        Raises
        ------
        ValueError
            If there are no labels, or too few images of these classes.
        """
        if raw.labels is None:
            raise ValueError(f"marking.selection=classes: {raw.name} has no labels")
        labels = raw.labels.numpy()
        classes = np.unique(labels)
        taken = classes[: max(1, round(self.share * len(classes)))]
        rows = np.flatnonzero(np.isin(labels, taken))
        if len(rows) < used:
            raise ValueError(
                f"marking.used = {used}: of the published images, {len(rows)} are of the "
                f"{len(taken)} classes that marking.selection.share = {self.share} takes: accepted "
                "is at most that"
            )
        return np.isin(np.arange(len(raw)), rows[:used])


@dataclass(frozen=True)
class Detail:
    """Takes the images with the most detail, or with the least: the mean step between neighbours.

    Parameters
    ----------
    most : bool
        Whether it prefers the busy images to the calm ones.
    """

    most: bool = True

    def __call__(self, raw: ImageSet, used: int) -> NDArray[np.bool_]:
        """See `Selection`."""
        pixels = raw.images.float()
        down = pixels.diff(dim=2).abs().mean((1, 2, 3))
        across = pixels.diff(dim=3).abs().mean((1, 2, 3))
        order = (down + across).argsort(descending=self.most, stable=True).numpy()
        return np.isin(np.arange(len(raw)), order[:used])


ANY = Random()
