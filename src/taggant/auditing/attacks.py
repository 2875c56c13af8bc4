"""Membership inference with reference models: what is compared of published and withheld images.

(scores [N], theirs [N, R], inside [N, R]) -> float [N], larger = more likely used: scores of each
image under the audited model and under R references, and whether a reference learned the image.
None of them knows who is published, so that ranks among withheld images are exact by each.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]


class Attack(Protocol):
    """A way of using reference models; see the head of this module."""

    def __call__(self, scores: Floats, theirs: Floats, inside: Bits) -> Floats:
        """What images are ranked by, [N]."""
        ...


def alone(scores: Floats, theirs: Floats, inside: Bits) -> Floats:
    """The score itself: whatever references say.

    Source: Yeom et al., "Privacy risk in machine learning" (2018), with ``score=loss``.
    """
    return scores


def calibrated(scores: Floats, theirs: Floats, inside: Bits) -> Floats:
    """Scores less what models that did not learn from the images say: how hard each is.

    The least-squares fit on all images, published and withheld, knows nothing of who is which.

    Source: after Watson et al., "On the importance of difficulty calibration in membership
    inference attacks" (2022), who take the mean away as it is.
    """
    outside = of_each(theirs, ~inside)
    columns = [outside.mean(1), outside.min(1)]
    scaled = [(column - column.mean()) / (column.std() or 1.0) for column in columns]
    known = np.stack([np.ones(len(scores)), *scaled, *(column**2 for column in scaled)], axis=1)
    fitted, *_ = np.linalg.lstsq(known, scores, rcond=None)
    return np.asarray(scores - known @ fitted)


def lira(scores: Floats, theirs: Floats, inside: Bits) -> Floats:
    """How much likelier scores are of models that learned the image than of models that did not.

    Two normal distributions an image, each about the mean of its reference models, with one
    spread for all images. Best on a scale without a bound (``score=margin``). Needs two references
    or more that learned each image, and two that did not (``reference=known``).

    Returns
    -------
    float array [N]
        Log of the ratio.

    Raises
    ------
    ValueError
        Where no reference learned an image.

    Notes
    -----
    Source: Carlini et al., "Membership inference attacks from first principles" (2022), LiRA with
    a fixed variance; here with the variance of the means, which rest on few models.
    """
    if not inside.any():
        raise ValueError(
            "audit/attack=lira needs reference models that learned the images: choose "
            "reference=known"
        )
    known, unknown = of_each(theirs, inside), of_each(theirs, ~inside)
    return _log_density(scores, known) - _log_density(scores, unknown)


def rmia(scores: Floats, theirs: Floats, inside: Bits) -> Floats:
    """Log of an image's confidence less that of its mean over the references.

    By the pairwise ratio of RMIA an image beats those of a population whose own ratio is smaller,
    so that its rank among withheld images is the rank of this number, whatever the population.
    Scores are log-confidences (``score=loss``). Of ``reference=known`` half of the models learned
    an image, as RMIA wants it; ``reference=public`` knows the other half only, and then the
    coefficient a of the paper, which fills it in, changes no rank where a = 1.

    Source: Zarifzadeh et al., "Low-cost high-power membership inference attacks" (2024).
    """
    return np.asarray(scores - logsumexp(theirs, axis=1) + np.log(theirs.shape[1]))


def usual(inside: Bits) -> Attack:
    """Of the references at hand: the likelihood ratio, or what they explain taken away."""
    return lira if inside.any() else calibrated


def of_each(theirs: Floats, mask: Bits) -> Floats:
    """Scores [N, R] of each image under the models that the mask selects, [N, selected]."""
    return theirs[mask].reshape(len(theirs), int(mask[0].sum()))


def _log_density(scores: Floats, known: Floats) -> Floats:
    count = known.shape[1]
    variance = float(known.var(1, ddof=1).mean()) * (1 + 1 / count)
    variance = max(variance, np.finfo(np.float64).tiny)
    distance = (scores - known.mean(1)) ** 2
    return np.asarray(-0.5 * (distance / variance + np.log(variance)))
