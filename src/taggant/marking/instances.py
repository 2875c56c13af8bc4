"""What the owner brings to an audit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taggant.data.imageset import ImageSet
from taggant.marking.draws import Drawn, Draws
from taggant.marking.publish import Published
from taggant.marking.scheme import Scheme


@dataclass(frozen=True)
class Instances:
    """What the owner brings to an audit: raw images, how they were marked, what was published.

    Attributes
    ----------
    raw, scheme, published
        See there.
    ledger : Drawn
        A `Ledger`, say.
    """

    raw: ImageSet
    scheme: Scheme
    ledger: Drawn
    published: Published

    @cached_property
    def draws(self) -> tuple[Draws, ...]:
        """What is drawn for each image: secret, reading order, tie keys, views."""
        return tuple(self.ledger.draws(image_id) for image_id in self.raw.ids)


@dataclass(frozen=True)
class Population:
    """All images that were marked, those that were withheld among them.

    Attributes
    ----------
    raw, scheme, ledger
        As in `Instances`.
    published : bool array [N]
        The others were withheld.
    """

    raw: ImageSet
    scheme: Scheme
    ledger: Drawn
    published: NDArray[np.bool_]
