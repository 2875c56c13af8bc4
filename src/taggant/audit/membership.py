"""Membership scores of whole images, published and withheld alike.

The same function of every image: it looks at versions that were drawn without a thought of the
published one, and knows nothing of who was published.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.device import MarkingDevice
from taggant.marking.draws import VIEWS
from taggant.marking.instances import Population
from taggant.marking.publish import versions_of
from taggant.score import Oracle, Score

ASKED = "members"
"""Purpose of the draw of the versions that are asked."""


def image_scores(
    oracle: Oracle, score: Score, population: Population, targets: Tensor, versions: int
) -> NDArray[np.float64]:
    """Mean score of each image over some of its versions, [N]; larger = more likely used.

    Parameters
    ----------
    oracle, score
        The model and what is asked of it.
    population : Population
    targets : Tensor [N, ...]
        What answers are compared with, labels say.
    versions : int
        Versions asked of each image; all, if there are fewer.
    """
    raw, ledger = population.raw, population.ledger
    draws = [ledger.draws(image_id) for image_id in raw.ids]
    indices = np.stack([one.some(ASKED, versions) for one in draws])
    seeds = [one.seed(VIEWS) for one in draws]
    each, here = indices.shape[1], MarkingDevice.here()
    parts = []
    for some in torch.arange(len(raw)).split(max(1, oracle.batch_size // each)):
        few = raw.select(some.tolist())
        views = score.views_of(oracle, few.images, targets[some], [seeds[i] for i in some])
        made = versions_of(population.scheme, ledger, few, indices[some.numpy()], here)
        asked = (targets[some].repeat_interleave(each, 0), views.repeat_interleave(each, 0))
        scores = score(oracle, made.flatten(0, 1), *asked)
        parts.append(scores.double().unflatten(0, (-1, each)).mean(1).cpu())
    found: NDArray[np.float64] = torch.cat(parts).numpy()
    return found


def calibrated(
    scores: NDArray[np.float64], outside: NDArray[np.float64], inside: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Scores less what reference models say of the images: how hard each is.

    The least-squares fit on all images, published and withheld, knows nothing of who is which.

    Parameters
    ----------
    scores : float array [N]
    outside : float array [N, R]
        Of reference models that did not learn from the image.
    inside : float array [N, R], optional
        Of reference models that did.

    Returns
    -------
    float array [N]
        What the references do not explain.
    """
    columns = [outside.mean(1), outside.min(1)]
    if inside is not None:
        columns.append(inside.mean(1))
    scaled = [(column - column.mean()) / (column.std() or 1.0) for column in columns]
    known = np.stack([np.ones(len(scores)), *scaled, *(column**2 for column in scaled)], axis=1)
    fitted, *_ = np.linalg.lstsq(known, scores, rcond=None)
    return np.asarray(scores - known @ fitted)
