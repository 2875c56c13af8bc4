"""What an audit of a whole set has before it: a model, and a set that may be part of its data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.marking.draws import Drawn, Draws
from taggant.marking.ledger import WHOLE_SET
from taggant.marking.publish import Published
from taggant.marking.scheme import Scheme


@dataclass(frozen=True)
class SetCase:
    """A model under suspicion, and the owner's side of the case.

    Attributes
    ----------
    victim : nn.Module
        The model, on the device where it answers.
    scheme : Scheme
        How the set was marked.
    ledger : Drawn
        The owner's secret.
    raw : ImageSet
        All marked images before marking.
    published : Published
        The same images as published.
    used : int
        How many of them, from the first, entered training. Evidence does not depend on it but
        for which images are asked: a control that used none asks the first.
    held_out : ImageSet
        Vanilla images that neither the marker nor the victim learnt from.
    candidates : callable
        M -> all n versions of the first M marked images, uint8 [M, n, C, H, W].
    score : callable
        (images uint8 [B, C, H, W], labels int64 [B]) -> float32 array [B], larger = more likely
        used; asked of the victim at the experiment's access level.
    """

    victim: nn.Module
    scheme: Scheme
    ledger: Drawn
    raw: ImageSet
    published: Published
    used: int
    held_out: ImageSet
    candidates: Callable[[int], Tensor]
    score: Callable[[Tensor, Tensor], NDArray[np.float32]]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.raw.class_names)

    @property
    def index(self) -> int:
        """The published index of a set that has one for all its images.

        Raises
        ------
        ValueError
            If the images have indices of their own.
        """
        indices = set(self.indices.tolist())
        if len(indices) != 1:
            raise ValueError("each image has an index of its own: accepted is one for the set")
        return int(indices.pop())

    @property
    def indices(self) -> NDArray[np.int64]:
        """The published index of each marked image [M]."""
        return self.ledger.indices(self.raw.ids)

    @property
    def draws(self) -> Draws:
        """What is drawn for the whole set."""
        return self.ledger.draws(WHOLE_SET)

    def asked(self, images: int) -> int:
        """How many of the first marked images a query budget of `images` asks about."""
        return min(images, self.used or len(self.raw))

    def scores(self, images: int) -> NDArray[np.float64]:
        """Scores of all n versions of the first marked images, as many as `asked` [M, n]."""
        return self.scores_of(self.versions(images), np.arange(self.asked(images)))

    def versions(self, images: int) -> Tensor:
        """All n versions of the first marked images, or of all, uint8 [M, n, C, H, W]."""
        return self.candidates(min(images, len(self.raw)))

    def scores_of(self, versions: Tensor, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores of the versions of some of the first marked images [rows, n]."""
        assert self.raw.labels is not None
        chosen = torch.from_numpy(rows)
        asked, labels = versions[chosen].unbind(1), self.raw.labels[chosen]
        return np.stack([self.score(part, labels) for part in asked], 1).astype(float)


@dataclass(frozen=True)
class Evidence:
    """What an audit of a whole set found.

    Attributes
    ----------
    metrics : mapping
        Numbers for the results table; ``log10_p`` and ``claim`` among them.
    tables : mapping of str to DataFrame
        What figures are drawn from, by file name.
    """

    metrics: Mapping[str, object]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
