"""Controlled publication: was some of a published set used?

The sum of the published images' ranks, or scores, against all ways to draw as many of them, counted
exactly or drawn. See `taggant.stats.controlled` for the setting.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from taggant.stats.arrays import Floats, Ints, integers
from taggant.stats.checks import integer
from taggant.stats.controlled import checked

_CELLS = 8_000_000_000  # additions that counting may take, some seconds
_LARGEST = 1000  # images whose splits a float can count
_CHUNK = 1 << 22  # keys drawn at a time


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
        As in `taggant.stats.control_p_values`. To test some of the published images, leave the
        others out: a choice of them that does not look at the model keeps P uniform.

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
    order, drawn, groups = checked(scores, published, keys, strata)
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
        As in `taggant.stats.control_p_values`; scores need no keys, ties count against a claim.
    rng : numpy Generator
        Independent of P; to be fixed before the results are seen.
    draws : int
        Splits drawn.
    """
    draws = integer(draws, "draws", 1)
    values, drawn, groups = checked(scores, published, None, strata)
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


def _subsets(values: Ints, few: int, most: int) -> Floats:
    """How many subsets of `few` of the values sum to 0, 1, ..., `most`."""
    table = np.zeros((few + 1, most + 1))
    table[0, 0] = 1.0
    for value in values[values <= most]:
        table[1:, value:] += table[:-1, : most + 1 - value]
    return np.asarray(table[few])


def countable(images: int, published: int) -> bool:
    """Whether `control_set` can count all splits of so many images, whatever their scores."""
    return _within_reach(published, images, published * (images - 1))


def _within_reach(few: int, images: int, observed: int) -> bool:
    return images <= _LARGEST and images * few * (observed + 1) <= _CELLS


def _countable(few: int, images: int, observed: int) -> None:
    if not _within_reach(few, images, observed):
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
