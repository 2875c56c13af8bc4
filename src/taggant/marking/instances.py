"""What the owner brings to an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taggant.data.imageset import ImageSet
from taggant.marking.draws import Draws
from taggant.marking.ledger import Ledger
from taggant.marking.publish import Published
from taggant.marking.scheme import Scheme


@dataclass(frozen=True)
class Instances:
    """What the owner brings to an audit: raw images, how they were marked, what was published.

    Attributes
    ----------
    raw, scheme, ledger, published
        See there.
    apart : mapping of id to Draws, optional
        What is drawn for images that have a secret each; else all follows from the ledger's.
    """

    raw: ImageSet
    scheme: Scheme
    ledger: Ledger
    published: Published
    apart: Mapping[str, Draws] | None = None

    @cached_property
    def draws(self) -> tuple[Draws, ...]:
        """What is drawn for each image: reading order, tie keys, views."""
        own = self.ledger.draws if self.apart is None else self.apart.__getitem__
        return tuple(own(image_id) for image_id in self.raw.ids)


@dataclass(frozen=True)
class Population:
    """All images that were marked, those that were withheld among them.

    Attributes
    ----------
    raw, scheme, ledger
        See there.
    published : bool array [N]
        The others were withheld.
    """

    raw: ImageSet
    scheme: Scheme
    ledger: Ledger
    published: NDArray[np.bool_]
