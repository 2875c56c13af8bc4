"""Classical tests as boundaries: full rank, Besag-Clifford, prior-posterior ratio.

All are functions (n, p, ...) -> Boundary. n counts the published version; p is read exactly.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import betaln

from taggant.stats.alternatives import log_choose, log_hypergeometric
from taggant.stats.arrays import Floats, Ints
from taggant.stats.boundary import Boundary
from taggant.stats.checks import integer, real
from taggant.stats.levels import MOST_VERSIONS, Level, level, top_ranks, versions


def rank(n: int, p: Level, curtailed: bool = False) -> Boundary:
    """Full rank test: read every hidden version, claim iff T + 1 <= floor(p n).

    Guarantee: size floor(p n) / n, the largest that any exact non-randomised test of level p can
    have at full depth.

    Parameters
    ----------
    n : int
        Versions of one image.
    p : float, str or Fraction
        Bound on the false-detection rate, 1/n <= p < 1.
    curtailed : bool
        Stop as soon as the outcome is settled; claims exactly the same instances.

    Raises
    ------
    ValueError
        If n < 1/p.
    """
    n = versions(n)
    top = top_ranks(n, level(p))
    t = np.arange(n)
    if curtailed:
        claim = np.maximum(top - 1 - (n - 1 - t), -1)
        stop = np.full(n, top)
    else:
        claim = np.where(t == n - 1, top - 1, -1)
        stop = np.where(t == n - 1, top, t + 1)
    return Boundary(claim, stop)


def besag_clifford(n: int, p: Level, h: int = 2) -> Boundary:
    """Besag-Clifford test: read until the h-th exceedance, claim if it comes late.

    Claims iff the h-th exceedance has not come by draw ceil(h/p) - 1. The stage-wise p-value is
    h / (draw of the h-th exceedance).

    Guarantee: size h / ceil(h/p) if ceil(h/p) <= n, else floor(p n) / n.

    Raises
    ------
    ValueError
        If n < 1/p, or h is no integer >= 1.

    References
    ----------
    Besag and Clifford (1991), Sequential Monte Carlo p-values, Biometrika 78.
    """
    n = versions(n)
    alpha = level(p)
    h = integer(h, "h", 1, MOST_VERSIONS)
    top = top_ranks(n, alpha)
    t = np.arange(n)
    last = math.ceil(h / alpha) - 1
    claim = np.where(t >= last, h - 1, -1)
    stop = np.full(n, h)
    if last > n - 1:  # the draw would never come: decide by the full rank
        claim[n - 1], stop[n - 1] = top - 1, top
    return Boundary(claim, stop)


def pprm(
    n: int,
    p: Level,
    split: Level = 0.5,
    a: float = 1.0,
    b: float = 1.0,
    futility: bool = False,
) -> Boundary:
    """Prior-posterior-ratio test, as in the papers: a confidence sequence for T.

    With a Beta(a, b) prior on T in the population of N = n-1 hidden versions, read without
    replacement, R_t(T0) = prior / posterior is BetaBinomial(S_t; t, a, b) / Hypergeometric(S_t;
    N, T0, t). T0 is excluded at the first t where R_t(T0) >= 1/alpha1. The claim is made when
    every T0 > tau is excluded at once, (tau + 1)/n <= alpha2.

    Guarantee: size <= (tau+1)/n + alpha1 (1 - (tau+1)/n) <= p, by Ville's inequality and a union
    bound (`Boundary.size` gives the exact and smaller value).

    Parameters
    ----------
    split : float, str or Fraction
        Share of p spent on the confidence sequence: alpha1 = split p, alpha2 = (1 - split) p.
    a, b : float
        The prior on T.
    futility : bool
        Also give up when every T0 <= tau is excluded; this cannot raise the size.

    Raises
    ------
    ValueError
        If (1 - split) p n < 1: the split leaves no threshold.

    References
    ----------
    Waudby-Smith and Ramdas (2020), Confidence sequences for sampling without replacement.
    """
    n = versions(n)
    alpha, share = level(p), level(split, "split")
    top_ranks(n, alpha)
    tau = int((1 - share) * alpha * n) - 1
    if tau < 0:
        raise ValueError(
            f"n={n}, p={p}, split={split}: no threshold is left, (1 - split) p n = "
            f"{float((1 - share) * alpha * n):g} must be at least 1; accepted are "
            f"n >= {math.ceil(1 / ((1 - share) * alpha))}"
        )
    a, b = real(a, "a", 0.0, math.inf, "both"), real(b, "b", 0.0, math.inf, "both")
    ratio = PriorPosteriorRatio(n - 1, a, b, math.log(share * alpha))
    t = np.arange(n)
    claim = ratio.claims(tau)
    stop = ratio.surrenders(tau) if futility else t + 1
    stop = np.maximum(stop, claim + 1)
    stop[n - 1] = claim[n - 1] + 1
    return Boundary(claim, stop)


class PriorPosteriorRatio:
    """Where the prior-posterior ratio of one null T0 reaches 1/alpha1, for all t at once.

    1/R as a function of s has decreasing successive ratios, so it has one peak, and
    {s: R < 1/alpha1} is an interval around it: both ends are found by bisection over s.
    """

    def __init__(self, N: int, a: float, b: float, log_alpha: float) -> None:
        self.N, self.a, self.b, self.log_alpha = N, a, b, log_alpha
        self.t = np.arange(N + 1)

    def excluded(self, s: Ints, T0: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Is T0 excluded at (t, s)? States that T0 makes impossible count as excluded."""
        return np.asarray(self.log_inverse(s, T0) <= self.log_alpha)

    def log_inverse(self, s: Ints, T0: int) -> Floats:
        """Return log 1/R_t(T0) = log posterior/prior at (t, s), over t; -inf if impossible."""
        t = self.t
        likelihood = log_hypergeometric(s, self.N, T0, t)
        s = np.minimum(s, t)  # beyond t the likelihood is 0 already
        mixture = log_choose(t, s) + betaln(self.a + s, self.b + t - s) - betaln(self.a, self.b)
        return np.asarray(likelihood - mixture)

    def _peak(self, T0: int) -> Ints:
        """The s at which 1/R_t(T0) is largest, within the states that T0 allows."""
        N, a, b, t = self.N, self.a, self.b, self.t
        low, high = np.maximum(0, t - (N - T0)), np.minimum(t, T0)
        while np.any(low < high):
            s = (low + high) // 2
            rising = (T0 - s) * (b + t - s - 1) > (N - T0 - t + s + 1) * (a + s)
            low, high = np.where(rising & (low < high), s + 1, low), np.where(rising, high, s)
            high = np.maximum(low, high)
        return low

    def claims(self, tau: int) -> Ints:
        """Return the largest s at which every T0 > tau is excluded, over t; -1 if there is none.

        The hypergeometric likelihood has one peak in T0, so all T0 > tau are excluded once
        tau + 1 is, and lies to the right of that peak.
        """
        T0 = tau + 1
        right = np.minimum(self.t * (T0 + 1) // (self.N + 1), T0 - 1)
        low, high = np.full(self.t.size, -1), np.minimum(self._peak(T0), right + 1)
        while np.any(low + 1 < high):  # excluded at low, not (or not counted) at high
            s = (low + high) // 2
            yes = self.excluded(np.maximum(s, 0), T0) & (s >= 0)
            open_ = low + 1 < high
            low, high = np.where(open_ & yes, s, low), np.where(open_ & ~yes, s, high)
        # high itself may still be excluded where the peak lies beyond the right limit
        reach = (high <= right) & (high > low) & self.excluded(np.maximum(high, 0), T0)
        return np.asarray(np.where(reach, high, low))

    def surrenders(self, tau: int) -> Ints:
        """Return the smallest s at which every T0 <= tau is excluded, over t."""
        left = -(-self.t * tau // (self.N + 1))
        low = np.maximum(self._peak(tau), left - 1)
        high = np.maximum(np.minimum(self.t, tau) + 1, low + 1)  # more than tau seen: impossible
        while np.any(low + 1 < high):
            s = (low + high) // 2
            yes = self.excluded(s, tau)
            open_ = low + 1 < high
            low, high = np.where(open_ & ~yes, s, low), np.where(open_ & yes, s, high)
        return np.asarray(high)
