"""Many instances: which images were used, and was the set used.

The papers' "false-detection rate" is the type-I error of one audit. The false *discovery* rate
controlled here is the expected share of wrong claims among all claims of a set.

All take p-values that are valid one by one, P(p <= x) <= x; stopped and discrete ones included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_ndtr, logsumexp, ndtri

from taggant.stats.arrays import Bools, Floats, reals
from taggant.stats.checks import real


@dataclass(frozen=True, eq=False)
class Rejections:
    """Which hypotheses are rejected.

    Attributes
    ----------
    rejected : bool array [m]
    adjusted : float array [m]
        The smallest level at which each would be rejected.
    """

    rejected: Bools
    adjusted: Floats


def benjamini_hochberg(p_values: ArrayLike, q: float) -> Rejections:
    """Benjamini-Hochberg step-up.

    Guarantee: false discovery rate <= q m0/m if the p-values are independent, as they are for
    images whose published indices were drawn independently.
    """
    p = reals(p_values, "p_values", 0.0, 1.0)
    q = real(q, "q", 0.0, 1.0, "both")
    m = p.size
    order = np.argsort(p)
    steps = p[order] * m / np.arange(1, m + 1)
    return _undo(order, np.minimum.accumulate(steps[::-1])[::-1], q)


def e_bh(e_values: ArrayLike, q: float) -> Rejections:
    """e-BH: reject the k largest e-values where the k-th is at least m/(q k).

    Guarantee: false discovery rate <= q under any dependence. Take E at the stop, never the
    maximum over time (whose expectation under the null is not bounded by 1).
    """
    e = reals(e_values, "e_values", 0.0, np.inf)
    q = real(q, "q", 0.0, 1.0, "both")
    m = e.size
    order = np.argsort(-e)
    with np.errstate(divide="ignore"):
        steps = m / (np.arange(1, m + 1) * e[order])
    return _undo(order, np.minimum.accumulate(steps[::-1])[::-1], q)


def holm(p_values: ArrayLike, alpha: float) -> Rejections:
    """Holm step-down. Guarantee: P(any false claim) <= alpha under any dependence."""
    p = reals(p_values, "p_values", 0.0, 1.0)
    alpha = real(alpha, "alpha", 0.0, 1.0, "both")
    order = np.argsort(p)
    steps = p[order] * np.arange(p.size, 0, -1)
    return _undo(order, np.maximum.accumulate(steps), alpha)


def fisher(log_p: ArrayLike) -> float:
    """Return the log of Fisher's combined p-value, from log p-values.

    -2 sum log p is chi-square with 2m degrees of freedom; its tail for even degrees is the closed
    sum exp(-x) sum_{k<m} x^k / k!, x = -sum log p, taken in log space: no underflow.

    Guarantee: valid for independent p-values, P(p <= x) <= x. With p = (T+1)/n at small n it is
    very conservative; use `randomised_p_values` or `rank_sum` there.
    """
    values = reals(log_p, "log_p", -np.inf, 0.0)
    return _log_tail(-float(values.sum()), values.size)


def stouffer(log_p: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return the log of Stouffer's combined p-value, from log p-values.

    Guarantee: valid for independent p-values, if they are exactly uniform under the null or at
    least stochastically larger (superuniform).
    """
    values = reals(log_p, "log_p", -np.inf, 0.0)
    w = np.ones(values.size) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != values.shape or np.any(~(w >= 0)) or not w.sum() > 0:
        raise ValueError(f"weights: accepted are {values.size} values >= 0, not all zero")
    z = _normal_quantile(values)
    with np.errstate(invalid="ignore"):
        total = float((w * z)[w > 0].sum() / np.sqrt(np.sum(w**2)))
    if np.isnan(total):  # one p-value is 0 and another 1: no evidence can be claimed
        return 0.0
    return float(log_ndtr(total))


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
    kept = [k for k, x in enumerate(sums, 1) if _log_tail(float(x), k) > level]
    return int(values.size - max(kept, default=0))


def _log_tail(x: float, count: int) -> float:
    """Log of P(a sum of `count` standard exponentials >= x)."""
    if x == 0 or math.isinf(x):
        return 0.0 if x == 0 else -math.inf
    k = np.arange(count)
    return min(float(logsumexp(k * math.log(x) - gammaln(k + 1)) - x), 0.0)


def _normal_quantile(log_p: Floats) -> Floats:
    """Normal quantile of exp(log_p), by Newton's method on log_ndtr where it would underflow."""
    z = ndtri(np.exp(log_p))
    deep = (log_p < -600) & np.isfinite(log_p)
    x = -np.sqrt(-2 * log_p[deep])
    for _ in range(20):
        log_cdf = log_ndtr(x)
        slope = np.exp(-0.5 * x**2 - 0.5 * np.log(2 * np.pi) - log_cdf)
        x = x - (log_cdf - log_p[deep]) / slope
    z[deep] = x
    return np.asarray(z)


def _undo(
    order: np.ndarray[tuple[int, ...], np.dtype[np.intp]], steps: Floats, q: float
) -> Rejections:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    rejected = np.empty(steps.size, bool)
    rejected[order] = steps <= q * (1 + 1e-12)
    return Rejections(rejected, adjusted)
