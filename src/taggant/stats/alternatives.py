"""Models of how often a hidden version beats the published one.

Each gives the law of S_t, the exceedances among the first t hidden versions read in random order.
The null, "the model is independent of the published index", is `NULL = Beta(1, 1)`: S_t is then
uniform on 0..t.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, gammaln, xlog1py, xlogy

from taggant.stats.arrays import Floats, integers, reals
from taggant.stats.checks import integer, real


def log_choose(n: ArrayLike, k: ArrayLike) -> Floats:
    """Return log C(n, k), and -inf outside 0 <= k <= n."""
    n, k = np.broadcast_arrays(np.asarray(n, float), np.asarray(k, float))
    inside = (k >= 0) & (k <= n)
    n, k = np.where(inside, n, 0.0), np.where(inside, k, 0.0)
    value = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return np.where(inside, value, -np.inf)


def log_hypergeometric(s: ArrayLike, population: int, ones: ArrayLike, t: ArrayLike) -> Floats:
    """Return log P(S_t = s) for t draws without replacement from `ones` among `population`."""
    s, ones, t = np.asarray(s, float), np.asarray(ones, float), np.asarray(t, float)
    return np.asarray(
        log_choose(ones, s) + log_choose(population - ones, t - s) - log_choose(population, t)
    )


class Alternative(Protocol):
    """Law of the exceedances; any exchangeable one will do."""

    def log_pmf(self, t: ArrayLike, s: ArrayLike, n: int) -> Floats:
        """Return log P(S_t = s) among n versions, elementwise over (t, s)."""
        ...


@dataclass(frozen=True)
class Beta:
    """Each hidden version exceeds with probability q, and q ~ Beta(a, b) over instances.

    ``Beta(1, 1)`` is the null. ``Beta(1, b)`` has mean 1/(b + 1) and a mode at 0, the shape of a
    memorised image whose published version ranks near the top.

    Raises
    ------
    ValueError
        If a or b is not a number between 0 and infinity.
    """

    a: float = 1.0
    b: float = 1.0

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            object.__setattr__(self, name, real(getattr(self, name), name, 0.0, math.inf, "both"))

    @classmethod
    def with_mean(cls, mean: float, a: float = 1.0) -> Beta:
        """Return Beta(a, b) of the given mean, 0 < mean < 1."""
        mean, a = real(mean, "mean", 0.0, 1.0, "both"), real(a, "a", 0.0, math.inf, "both")
        return cls(a, a / mean - a)

    def log_pmf(self, t: ArrayLike, s: ArrayLike, n: int) -> Floats:
        """Return the beta-binomial log P(S_t = s), elementwise over (t, s)."""
        t, s = np.asarray(t, float), np.asarray(s, float)
        if self.a == self.b == 1:  # uniform on 0..t: no log-gamma rounding
            return np.asarray(np.where((s >= 0) & (s <= t), -np.log1p(t), -np.inf))
        mixed = betaln(self.a + s, self.b + t - s) - betaln(self.a, self.b)
        return np.asarray(log_choose(t, s) + mixed)


@dataclass(frozen=True)
class Fixed:
    """Each hidden version exceeds independently with the same probability q, 0 <= q <= 1."""

    q: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "q", real(self.q, "q", 0.0, 1.0, ""))

    def log_pmf(self, t: ArrayLike, s: ArrayLike, n: int) -> Floats:
        """Return the binomial log P(S_t = s), elementwise over (t, s)."""
        t, s = np.asarray(t, float), np.asarray(s, float)
        return np.asarray(log_choose(t, s) + xlogy(s, self.q) + xlog1py(t - s, -self.q))


@dataclass(frozen=True)
class Histogram:
    """Observed totals: `counts[T]` instances had T exceedances in all, T = 0..n-1.

    Raises
    ------
    ValueError
        If a count is negative, all are zero, or (on use) there are not n of them.
    """

    counts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not reals(self.counts, "counts", 0.0, sys.float_info.max).any():
            raise ValueError("counts: accepted are n counts >= 0, not all zero")

    @classmethod
    def of(cls, totals: ArrayLike, n: int) -> Histogram:
        """Count fully read instances by their total T."""
        n = integer(n, "n", 2)
        values = integers(totals, "totals", 0, n - 1)
        return cls(tuple(np.bincount(values, minlength=n).tolist()))

    def log_pmf(self, t: ArrayLike, s: ArrayLike, n: int) -> Floats:
        """Return log P(S_t = s): hypergeometric given T, averaged over the histogram."""
        if len(self.counts) != n:
            raise ValueError(f"Histogram has {len(self.counts)} counts, accepted are n={n}")
        t, s = np.broadcast_arrays(np.asarray(t, float), np.asarray(s, float))
        total = float(sum(self.counts))
        pmf = np.zeros(t.shape)
        for ones in np.flatnonzero(self.counts):
            share = self.counts[ones] / total
            pmf += share * np.exp(log_hypergeometric(s, n - 1, ones, t))
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(pmf))


NULL = Beta(1.0, 1.0)
