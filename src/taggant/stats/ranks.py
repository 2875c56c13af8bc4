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

from taggant.stats.alternatives import Floats, Ints
from taggant.stats.boundary import Bools
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
    """Rank of the published marked set among sets marked with other carriers.

    Attributes
    ----------
    exceedances : int
        Hidden sets that the model fits at least as well (ties broken by keys).
    sets : int
        All sets, the published one included.
    p_value : float
        (exceedances + 1) / sets.
    gap : float
        Mean hidden minus published loss: an effect size, without a guarantee.
    """

    exceedances: int
    sets: int
    p_value: float
    gap: float


def set_rank(published_loss: float, hidden_losses: ArrayLike, rng: np.random.Generator) -> SetRank:
    """Test whether a model fits the published marked set unusually well.

    Guarantee: P(p_value <= x) <= x if the published set was drawn uniformly and secretly among all
    the sets, and the model is independent of that draw. The loss on marked minus the loss on
    vanilla images has no such guarantee: marks change the loss on any model.

    Parameters
    ----------
    published_loss : float
        Mean loss on the published marked set.
    hidden_losses : float array [m - 1]
        Mean losses on the same images marked with other carriers.
    rng : numpy Generator
        Source of the tie keys; independent of the published draw.
    """
    hidden = np.asarray(hidden_losses, dtype=float)
    if hidden.ndim != 1 or hidden.size == 0:
        raise ValueError(f"hidden_losses of shape {hidden.shape}: accepted is [m-1], m >= 2")
    keys = rng.random(hidden.size + 1)
    beats = exceedances([-published_loss], -hidden[None], keys[:1], keys[None, 1:])
    count, sets = int(beats.sum()), hidden.size + 1
    return SetRank(count, sets, (count + 1) / sets, float(hidden.mean()) - float(published_loss))


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
    values = np.asarray(totals)
    if values.ndim != 1 or values.size == 0 or not np.issubdtype(values.dtype, np.integer):
        raise ValueError("totals: accepted is a non-empty one-dimensional integer array")
    if values.min() < 0 or values.max() > n - 1:
        raise ValueError(f"totals: accepted are 0..{n - 1}, got {values.min()}..{values.max()}")
    return np.asarray(values, dtype=np.int64)
