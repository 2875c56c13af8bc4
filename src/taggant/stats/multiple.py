"""Many instances: which images were used, and was the set used.

The papers' "false-detection rate" is the type-I error of one audit. The false *discovery* rate
controlled here is the expected share of wrong claims among all claims of a set.

All take p-values that are valid one by one, P(p <= x) <= x; stopped and discrete ones included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, log_ndtr, logsumexp, ndtri, xlog1py

from taggant.stats.alternatives import log_choose
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


def bonferroni(p_values: ArrayLike, alpha: float) -> Rejections:
    """Bonferroni. Guarantee: P(any false claim) <= alpha under any dependence."""
    p = reals(p_values, "p_values", 0.0, 1.0)
    alpha = real(alpha, "alpha", 0.0, 1.0, "both")
    return _undo(np.arange(p.size), p * p.size, alpha)


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
    x = -float(values.sum())
    if x == 0.0:
        return 0.0
    if np.isinf(x):
        return -np.inf
    k = np.arange(values.size)
    return min(float(logsumexp(k * np.log(x) - gammaln(k + 1)) - x), 0.0)


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


def truncated_product(log_p: ArrayLike, tau: float = 0.05) -> float:
    """Return the log of the truncated-product p-value: the product of the p-values <= tau.

    Guarantee: valid for independent p-values. More powerful than Fisher when few of many images
    were used. Exact distribution of Zaykin et al. (2002), in log space.
    """
    values = reals(log_p, "log_p", -np.inf, 0.0)
    tau = real(tau, "tau", 0.0, 1.0, "low")
    m = values.size
    small = values <= np.log(tau)
    if not small.any():
        return 0.0
    log_w = float(values[small].sum())
    if np.isinf(log_w):
        return -np.inf
    terms = []
    for k in range(1, m + 1):
        excess = k * np.log(tau) - log_w  # P(product of k uniforms on (0, tau) <= w)
        log_tail = 0.0
        if excess > 0:
            j = np.arange(k)
            log_tail = min(float(logsumexp(j * np.log(excess) - gammaln(j + 1)) - excess), 0.0)
        count = float(log_choose(m, k)) + k * np.log(tau) + float(xlog1py(m - k, -tau))
        terms.append(count + log_tail)
    return min(float(logsumexp(terms)), 0.0)


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
