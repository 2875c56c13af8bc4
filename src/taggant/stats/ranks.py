"""Fully read ranks: exceedances with tie keys, and one test for a whole set.

Ties are broken by one uniform key per version, drawn once and independent of the published index.
A fresh coin per comparison is wrong: within a tie T would be binomial instead of uniform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import logsumexp

from taggant.stats.arrays import Bools, Floats, Ints, integers
from taggant.stats.checks import integer
from taggant.stats.levels import versions


def exceedances(
    published: ArrayLike, hidden: ArrayLike, published_key: ArrayLike, hidden_keys: ArrayLike
) -> Bools:
    """Compare (score, key) pairs lexicographically: does a hidden version beat the published one?

    Guarantee: if every version's key is an independent uniform, fixed for the whole audit and
    independent of the published index, T is exactly uniform on 0..n-1 under the null, whatever the
    scores and however many tie.

    Parameters
    ----------
    published, published_key : float arrays [instances]
    hidden, hidden_keys : float arrays [instances, versions read]

    Returns
    -------
    bool array [instances, versions read]

    Raises
    ------
    ValueError
        If a score is not a number, or the shapes do not match.
    """
    own, other = np.asarray(published, float)[:, None], np.asarray(hidden, float)
    own_key, other_key = np.asarray(published_key, float)[:, None], np.asarray(hidden_keys, float)
    if other.shape != other_key.shape or own.shape != own_key.shape or len(own) != len(other):
        raise ValueError(
            f"shapes published {own.shape[:1]}, hidden {other.shape}, keys {own_key.shape[:1]} and "
            f"{other_key.shape}: accepted are [m], [m, k], [m] and [m, k]"
        )
    if np.isnan(own).any() or np.isnan(other).any():
        raise ValueError("a score is NaN, accepted are numbers: it would count as never exceeding")
    return np.asarray((other > own) | ((other == own) & (other_key > own_key)))


@dataclass(frozen=True)
class SetRank:
    """Where the published set ranks among all sets.

    Attributes
    ----------
    exceedances : int
        T, hidden sets whose mean score is larger than the published set's.
    sets : int
        n, the published one included.
    """

    exceedances: int
    sets: int

    @property
    def p_value(self) -> float:
        """(T + 1) / n, exact; never below 1/n."""
        return (self.exceedances + 1) / self.sets


def rank_of_set(scores: ArrayLike, published: int, seed: int) -> SetRank:
    """Rank the published set by its images' mean score, larger = more likely used.

    Guarantee: P(p <= k/n) = k/n for k = 1..n if the published set was drawn uniformly and the
    model is independent of the draw: for any model, score and marks.

    Parameters
    ----------
    scores : float array [n, M]
        Of the same M images in each of the n sets, e.g. minus their loss.
    published : int
        Row of the published set.
    seed : int
        Public seed of the keys that break ties, one a set; independent of `published`.

    Raises
    ------
    ValueError
        For scores that are not [n >= 2, M >= 1] and finite, or a row that is not there.
    """
    table = np.asarray(scores, float)
    if table.ndim != 2 or len(table) < 2 or table.shape[1] < 1 or not np.isfinite(table).all():
        raise ValueError(f"scores {table.shape}: accepted are finite numbers [n >= 2, M >= 1]")
    published = integer(published, "published", 0, len(table) - 1)
    # fsum is exact, so equal sets of scores tie whatever their order.
    means = np.array([math.fsum(row) for row in table])
    keys = np.random.default_rng(seed).permutation(len(table))
    larger = (means > means[published]) | ((means == means[published]) & (keys > keys[published]))
    return SetRank(int(larger.sum()), len(table))


def randomised_p_values(totals: ArrayLike, n: int, rng: np.random.Generator) -> Floats:
    """Return (T + U)/n, exactly uniform and independent under the null, for Fisher or Stouffer.

    Parameters
    ----------
    totals : int array [m]
        Exceedances of fully read instances, 0..n-1.
    rng : numpy Generator
        Independent of the published indices; to be fixed before the results are seen.
    """
    values = _totals(totals, versions(n))
    return np.asarray((values + rng.random(values.size)) / n)


def rank_sum(totals: ArrayLike, n: int) -> float:
    """Return the log p-value of "was my set used": P(sum of m uniform ranks <= the observed sum).

    Guarantee: exact, P(p <= x) <= x, if the published indices were drawn independently. The
    distribution is an exact convolution, taken by one Fourier inversion after exponential tilting
    to the observed sum, so that small p-values keep their relative accuracy.

    Parameters
    ----------
    totals : int array [m]
        Exceedances of fully read instances, 0..n-1 each.
    n : int
        Versions of each image; n = 2 gives the sign test of twin marks.
    """
    n = versions(n)
    values = _totals(totals, n)
    m, x = values.size, int(values.sum())
    theta = _tilt(x / m, n)
    steps = np.arange(n)
    log_norm = float(logsumexp(theta * steps))
    tilted = np.exp(theta * steps - log_norm)
    length = m * (n - 1) + 1
    padded = 1 << (length - 1).bit_length()
    pmf = np.fft.irfft(np.fft.rfft(tilted, padded) ** m, padded)[: x + 1]
    # Tilting back: P(sum = k) = pmf(k) exp(m log_norm - theta k) / n^m.
    floor = np.maximum(pmf, 0.0)
    with np.errstate(divide="ignore"):
        log_mass = np.log(floor) - theta * np.arange(x + 1)
    return min(float(logsumexp(log_mass)) + m * (log_norm - math.log(n)), 0.0)


def _tilt(mean: float, n: int) -> float:
    """Exponential tilt that moves the mean of a uniform on 0..n-1 down to `mean`."""
    steps = np.arange(n)

    def excess(theta: float) -> float:
        weights = np.exp(theta * steps)
        return float((weights * steps).sum() / weights.sum()) - mean

    if mean >= (n - 1) / 2:
        return 0.0
    lowest = -40.0
    return lowest if excess(lowest) > 0 else float(brentq(excess, lowest, 0.0))


def _totals(totals: ArrayLike, n: int) -> Ints:
    values = integers(totals, "totals", 0, n - 1)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"totals of shape {values.shape}: accepted is a list of m >= 1 integers")
    return values
