"""Membership scores of whole images, published and withheld alike.

The same function of every image: it looks at versions that were drawn independently of the
published one, and does not depend on which images were published.
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
from taggant.score import AnyOracle, Score

ASKED = "members"
"""Purpose of the draw of the versions that are asked."""


def image_scores(
    oracle: AnyOracle, score: Score, population: Population, targets: Tensor, versions: int
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


def likelihood_ratio(
    scores: NDArray[np.float64], outside: NDArray[np.float64], inside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much likelier scores are of models that learned the image than of models that did not.

    Two normal distributions an image, each about the mean of its reference models, with one
    spread for all images. Nothing here knows who is published.

    Parameters
    ----------
    scores : float array [N]
        Under the audited model; best on a scale without a bound (score=margin).
    outside, inside : float array [N, R], R >= 2
        Of reference models that did not, and did, learn from the image.

    Returns
    -------
    float array [N]
        Log of the ratio.

    Notes
    -----
    Source: Carlini et al., "Membership inference attacks from first principles" (2022), LiRA with
    a fixed variance; here with the variance of the means, which rest on few models.
    """
    return _log_density(scores, inside) - _log_density(scores, outside)


def _log_density(scores: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    count = known.shape[1]
    variance = float(known.var(1, ddof=1).mean()) * (1 + 1 / count)
    variance = max(variance, np.finfo(np.float64).tiny)
    distance = (scores - known.mean(1)) ** 2
    return np.asarray(-0.5 * (distance / variance + np.log(variance)))


def less_difficulty(
    scores: NDArray[np.float64], outside: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores less what models that did not learn from the images say: how hard each is.

    The least-squares fit on all images, published and withheld, knows nothing of who is which.

    Parameters
    ----------
    scores : float array [N]
    outside : float array [N, R]
        Of reference models.

    Returns
    -------
    float array [N]
        What the references do not explain.
    """
    columns = [outside.mean(1), outside.min(1)]
    scaled = [(column - column.mean()) / (column.std() or 1.0) for column in columns]
    known = np.stack([np.ones(len(scores)), *scaled, *(column**2 for column in scaled)], axis=1)
    fitted, *_ = np.linalg.lstsq(known, scores, rcond=None)
    return np.asarray(scores - known @ fitted)
