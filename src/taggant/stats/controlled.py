"""Controlled publication: which images were published is drawn too, and the withheld ones tell.

Of N images marked alike a uniform subset P is published; the others are shown to nobody. Each image
has a score that is the same function of it whether it was published or not. A model that is
independent of P cannot tell the two apart, so membership inference, which compares different
images, has an exact null: the withheld ones.

With strata, P is drawn within each, and images are compared within theirs only.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_ndtr, logsumexp, ndtri

from taggant.stats.arrays import Bools, Floats, Ints, integers, reals
from taggant.stats.checks import integer, real

_CELLS = 8_000_000_000  # additions that counting may take, some seconds
_LARGEST = 1000  # images whose splits a float can count
_CHUNK = 1 << 22  # keys drawn at a time


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
    order, drawn, groups = _checked(scores, published, keys, strata)
    shifts = np.zeros(len(drawn)) if spread is None else _matching(spread, "spread", len(drawn))
    p = np.ones(len(drawn))
    for group in np.unique(groups):
        here = groups == group
        theirs = np.sort(order[here & ~drawn])
        larger = len(theirs) - np.searchsorted(theirs, order[here])
        p[here] = (1 + larger - shifts[here]) / (len(theirs) + 1)
    return p[drawn]


def control_set(
    scores: ArrayLike, published: ArrayLike, keys: ArrayLike, strata: ArrayLike | None = None
) -> float:
    """Return the log p-value of "some of the published set was used": the exact rank-sum test.

    The sum of the published images' ranks among all, against its distribution over all ways to draw
    as many of each stratum; counted, not simulated, so that small p-values are exact too.

    Guarantee: P(p <= x) <= x for any model, score and marks, if the model is independent of P.
    No assumption on content: under the null none of the images was used.

    Parameters
    ----------
    scores, published, keys, strata
        As in `control_p_values`. To test some of the published images, leave the others out: a
        choice of them that does not look at the model keeps P uniform.

    Raises
    ------
    ValueError
        As there; if none or all are published; or if counting would take too long (several hundred
        published *and* withheld): use `permutation_p`.

    Examples
    --------
    >>> published = [True, True, False, False, False, False]
    >>> round(math.exp(control_set([9, 8, 1, 2, 3, 4], published, [0] * 6)) * 15, 9)
    1.0
    """
    order, drawn, groups = _checked(scores, published, keys, strata)
    if drawn.all() or not drawn.any():
        raise ValueError("published: accepted are some of the images, not none or all of them")
    behind = len(order) - 1 - np.argsort(np.argsort(order))  # 0: largest score
    observed = int(behind[drawn].sum())
    _countable(int(drawn.sum()), len(drawn), observed)
    counts, ways = np.ones(1), 0.0
    for group in np.unique(groups):
        here = groups == group
        few = int(drawn[here].sum())
        counts = np.convolve(counts, _subsets(behind[here], few, observed))[: observed + 1]
        ways += _log_choose(int(here.sum()), few)
    return min(float(np.log(counts.sum()) - ways), 0.0)


def permutation_p(
    scores: ArrayLike,
    published: ArrayLike,
    rng: np.random.Generator,
    draws: int = 9999,
    strata: ArrayLike | None = None,
) -> float:
    """Return the p-value of "some of the published set was used", by drawing splits.

    (k + 1) / (draws + 1), where k drawn splits have a sum of scores at least as large as P has.

    Guarantee: P(p <= x) <= x exactly, whatever the number of draws, for any model and score, if the
    model is independent of P; never below 1 / (draws + 1).

    Parameters
    ----------
    scores, published, strata
        As in `control_p_values`; scores need no keys, ties count against a claim.
    rng : numpy Generator
        Independent of P; to be fixed before the results are seen.
    draws : int
        Splits drawn.
    """
    draws = integer(draws, "draws", 1)
    values, drawn, groups = _checked(scores, published, None, strata)
    if drawn.all() or not drawn.any():
        raise ValueError("published: accepted are some of the images, not none or all of them")
    total = math.fsum(values[drawn])
    slack = 1e-9 * math.fsum(np.abs(values))  # rounding of a sum must not lose a tie
    larger = 0
    for start in range(0, draws, step := max(1, _CHUNK // len(values))):
        sums = np.zeros(min(step, draws - start))
        for group in np.unique(groups):
            here = groups == group
            sums += _drawn_sums(values[here], int(drawn[here].sum()), len(sums), rng)
        larger += int((sums >= total - slack).sum())
    return (larger + 1) / (draws + 1)


def control_sets(beaten: ArrayLike, withheld: int) -> Floats:
    """Return the log p-values of many sets of equal size without strata, each as `control_set`'s.

    Parameters
    ----------
    beaten : int array [sets, images]
        For each image of a set, how many withheld images are at least as much like use as it is.
    withheld : int
        m, how many there are.

    Examples
    --------
    >>> np.exp(control_sets([[0, 0], [4, 4]], withheld=4)).round(4)
    array([0.0667, 1.    ])
    """
    m = integer(withheld, "withheld", 1)
    counts = integers(beaten, "beaten", 0, m)
    if counts.ndim != 2 or counts.shape[1] < 1:
        raise ValueError(f"beaten of shape {counts.shape}: accepted is [sets, images]")
    tail: Floats = _tail(counts.shape[1], m)[counts.sum(1)]
    return tail


@lru_cache(maxsize=64)
def _tail(few: int, withheld: int) -> Floats:
    """Log P(a set of `few` is beaten no more than 0, 1, ..., few x withheld times in all)."""
    _countable(few, few + withheld, few * withheld)
    # An image's place among all is its place among the set's own, which add up to a constant, and
    # how many withheld ones are ahead.
    own = few * (few - 1) // 2
    counts = _subsets(np.arange(few + withheld), few, own + few * withheld)[own:]
    return np.minimum(np.log(np.cumsum(counts)) - _log_choose(few + withheld, few), 0.0)


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


def used_at_least(p_values: ArrayLike, alpha: float = 0.05) -> int:
    """Return a lower bound on how many of the images were used, by closed testing with Fisher.

    The images not accounted for are the largest set whose combined p-value stays above alpha; of k
    images these are the k largest p-values, so m tests decide all 2^m.

    Guarantee: P(bound > images used) <= alpha, however many were used, if the unused images'
    p-values are independent and superuniform given the others': those of `randomised_p_values` are.

    Parameters
    ----------
    p_values : float array [m]
    alpha : float
        One minus the coverage.

    References
    ----------
    Goeman and Solari, "Multiple testing for exploratory research", 2011.

    Examples
    --------
    >>> used_at_least([1e-9, 1e-9, 0.4, 0.6])
    2
    """
    values = reals(p_values, "p_values", 0, 1)
    level = math.log(real(alpha, "alpha", 0, 1, open_at="both"))
    with np.errstate(divide="ignore"):
        sums = np.cumsum(np.sort(-np.log(values)))  # of the k largest p-values
    kept = [k for k, x in enumerate(sums, 1) if _fisher(float(x), k) > level]
    return int(values.size - max(kept, default=0))


def _fisher(x: float, count: int) -> float:
    """Log of P(a sum of `count` exponentials >= x)."""
    if x == 0 or math.isinf(x):
        return 0.0 if x == 0 else -math.inf
    k = np.arange(count)
    return min(float(logsumexp(k * math.log(x) - gammaln(k + 1)) - x), 0.0)


def _subsets(values: Ints, few: int, most: int) -> Floats:
    """How many subsets of `few` of the values sum to 0, 1, ..., `most`."""
    table = np.zeros((few + 1, most + 1))
    table[0, 0] = 1.0
    for value in values[values <= most]:
        table[1:, value:] += table[:-1, : most + 1 - value]
    return np.asarray(table[few])


def _countable(few: int, images: int, observed: int) -> None:
    if images > _LARGEST or images * few * (observed + 1) > _CELLS:
        raise ValueError(
            f"{few} published of {images} images: too many to count all splits; draw some of them "
            "(permutation_p)"
        )


def _drawn_sums(values: Floats, few: int, draws: int, rng: np.random.Generator) -> Floats:
    if few in (0, len(values)):
        return np.full(draws, values.sum() if few else 0.0)
    keys = rng.random((draws, len(values)))
    chosen = np.argpartition(keys, few, axis=1)[:, :few]
    return np.asarray(values[chosen].sum(1))


def _log_choose(total: int, few: int) -> float:
    return math.log(math.comb(total, few))


def _checked(
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
