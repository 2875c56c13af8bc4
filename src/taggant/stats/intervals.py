"""Exact intervals for rates."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincinv

from taggant.stats.checks import integer, real


@dataclass(frozen=True)
class Interval:
    """A confidence interval for a probability."""

    low: float
    high: float


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the exact (Clopper-Pearson) interval of a binomial probability.

    Guarantee: covers the true probability with at least the stated confidence, whatever it is,
    if the n trials are independent with one common probability.

    Parameters
    ----------
    k, n : int
        Successes among n >= 1 trials, 0 <= k <= n.
    confidence : float
        Coverage, 0 < confidence < 1; each side misses with at most half of the rest.

    Raises
    ------
    ValueError
        For values outside these ranges.
    """
    n = integer(n, "n", 1)
    k, confidence = integer(k, "k", 0, n), real(confidence, "confidence", 0.0, 1.0, "both")
    tail = (1 - confidence) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return Interval(low, high)
