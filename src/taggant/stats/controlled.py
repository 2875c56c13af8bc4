"""Controlled publication: which images were published is drawn too, and the withheld ones tell.

Of N images marked alike a uniform subset P is published; the others are shown to nobody. Each image
has a score that is the same function of it whether it was published or not. A model that is
independent of P cannot tell the two apart, so membership inference, which compares different
images, has an exact null: the withheld ones. Here are the p-values of single images; those of
sets are in `taggant.stats.controlled_sets`.

With strata, P is drawn within each, and images are compared within theirs only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, ndtri

from taggant.stats.arrays import Bools, Floats, Ints, reals
from taggant.stats.checks import real


def control_p_values(
    scores: ArrayLike,
    published: ArrayLike,
    keys: ArrayLike,
    spread: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Floats:
    """Return a p-value of each published image: its rank among the withheld ones of its stratum.

    p = (1 + #{withheld j: (A_j, key_j) >= (A_i, key_i)}) / (m + 1), m withheld in the stratum; with
    `spread`, that less U/(m + 1), uniform in place of discrete.

    Guarantee: P(p <= x) <= x for an unused image, and equality at x = k/(m + 1), for any score, if
    the image and the withheld ones of its stratum are exchangeable given the model. This holds if
    the model is independent of the draw of P, for instance if none of the images was used. While
    *other* published images were used it needs more: that the model's maker took some published
    images and left this one is blind to the images' content within a stratum.

    Parameters
    ----------
    scores : float array [N]
        A, larger = more likely used; the same function of every image, free of P and of J.
    published : bool array [N]
        P; the others are withheld.
    keys : float array [N]
        Break ties: one independent uniform an image, drawn without P and fixed.
    spread : float array [N], optional
        U, one independent uniform on [0, 1) an image.
    strata : int array [N], optional
        Stratum of each image, fixed without P.

    Returns
    -------
    float array [published images]
        In their order. 1 (with `spread`, 1 - U) where a stratum has no withheld image.

    Raises
    ------
    ValueError
        For scores that are not finite, or arrays that do not match.

    Examples
    --------
    >>> control_p_values([3.0, 0.1, 0.2, 0.3], [True, False, False, False], [0, 0, 0, 0])
    array([0.25])
    """
    order, drawn, groups = checked(scores, published, keys, strata)
    shifts = np.zeros(len(drawn)) if spread is None else _matching(spread, "spread", len(drawn))
    p = np.ones(len(drawn))
    for group in np.unique(groups):
        here = groups == group
        theirs = np.sort(order[here & ~drawn])
        larger = len(theirs) - np.searchsorted(theirs, order[here])
        p[here] = (1 + larger - shifts[here]) / (len(theirs) + 1)
    return p[drawn]


def combined(versions: ArrayLike, controls: ArrayLike, weight: float = 0.5) -> Floats:
    """Return one p-value an image from its two: Stouffer's, with weights fixed beforehand.

    Guarantee: exactly uniform for an unused image if both are, and independent; at most x in
    probability if they are superuniform. They *are* independent: given the model, all scores and
    P, the published index is uniform still, so the version p-value is uniform whatever the
    control p-value is. What holds of the result is assumed of the weaker of the two: see
    `control_p_values`.

    Parameters
    ----------
    versions, controls : float array [images]
        Of `randomised_p_values` and `control_p_values`.
    weight : float
        Of the versions, 0..1: z = sqrt(w) z_v + sqrt(1 - w) z_c.

    Raises
    ------
    ValueError
        For values outside 0..1 or lists that do not match.

    Examples
    --------
    >>> combined([0.05, 0.5], [0.05, 0.5]).round(4)
    array([0.01, 0.5 ])
    """
    first, second = reals(versions, "versions", 0, 1), reals(controls, "controls", 0, 1)
    if first.shape != second.shape:
        raise ValueError(f"{first.size} versions, {second.size} controls: accepted are as many")
    w = real(weight, "weight", 0, 1, open_at="")
    parts = [math.sqrt(share) * ndtri(p) for share, p in ((w, first), (1 - w, second)) if share > 0]
    with np.errstate(invalid="ignore"):
        z = np.sum(parts, axis=0)
    return np.asarray(np.exp(log_ndtr(np.where(np.isnan(z), np.inf, z))))


def checked(
    scores: ArrayLike, published: ArrayLike, keys: ArrayLike | None, strata: ArrayLike | None
) -> tuple[Floats, Bools, Ints]:
    """Scores (or, with keys, their strict order 0..N-1), P and strata, as arrays of one length."""
    values = reals(scores, "scores", -math.inf, math.inf)
    if not np.isfinite(values).all():
        raise ValueError("scores: accepted are finite numbers")
    drawn = np.asarray(published)
    if drawn.dtype != np.bool_ or drawn.shape != values.shape:
        raise ValueError(
            f"published: accepted are {values.size} bools, got {drawn.dtype} of shape {drawn.shape}"
        )
    groups = np.zeros(values.size, np.int64) if strata is None else np.asarray(strata)
    if groups.shape != values.shape or groups.dtype.kind not in "iu":
        raise ValueError(f"strata: accepted are {values.size} integers, got {groups.dtype}")
    if keys is not None:
        ties = _matching(keys, "keys", values.size)
        values = np.argsort(np.lexsort((ties, values))).astype(np.float64)
    return values, drawn, groups.astype(np.int64)


def _matching(values: ArrayLike, name: str, count: int) -> Floats:
    found = reals(values, name, 0, math.inf)
    if found.size != count:
        raise ValueError(f"{name}: accepted are {count} numbers, got {found.size}")
    return found
