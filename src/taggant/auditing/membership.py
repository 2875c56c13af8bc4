"""Membership scores of whole images, published and withheld alike.

The same function of every image: it looks at the raw image, or at versions that were drawn
independently of the published one, and does not depend on which images were published.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.marking.device import MarkingDevice
from taggant.marking.draws import VIEWS, Draws
from taggant.marking.instances import Population
from taggant.marking.publish import versions_of
from taggant.score import AnyOracle, Score

ASKED = "members"
"""Purpose of the draw of the versions that are asked."""
RAW = "raw"
"""Asks the raw image itself, and none of its versions."""


def image_scores(
    oracle: AnyOracle, score: Score, population: Population, targets: Tensor, asked: int | str
) -> NDArray[np.float64]:
    """Mean score of each image over what is asked of it, [N]; larger = more likely used.

    Parameters
    ----------
    oracle, score
        The model and what is asked of it.
    population : Population
    targets : Tensor [N, ...]
        What answers are compared with, labels say.
    asked : int or "raw"
        So many versions of each image, all if there are fewer; or the raw image itself.
    """
    raw = population.raw
    draws = [population.ledger.draws(image_id) for image_id in raw.ids]
    each = 1 if asked == RAW else min(int(asked), population.scheme.n)
    parts = []
    for some in torch.arange(len(raw)).split(max(1, oracle.batch_size // each)):
        few, own = raw.select(some.tolist()), [draws[i] for i in some]
        views = score.views_of(oracle, few.images, targets[some], [one.seed(VIEWS) for one in own])
        images = few.images if asked == RAW else _some_versions(population, few, own, each)
        beside = (targets[some].repeat_interleave(each, 0), views.repeat_interleave(each, 0))
        scores = score(oracle, images, *beside)
        parts.append(scores.double().unflatten(0, (-1, each)).mean(1).cpu())
    found: NDArray[np.float64] = torch.cat(parts).numpy()
    return found


def _some_versions(
    population: Population, few: ImageSet, draws: Sequence[Draws], each: int
) -> Tensor:
    """Versions of some images that were drawn independently of the published one, [B each, ...]."""
    indices = np.stack([one.some(ASKED, each) for one in draws])
    here = MarkingDevice.here()
    return versions_of(population.scheme, population.ledger, few, indices, here).flatten(0, 1)
