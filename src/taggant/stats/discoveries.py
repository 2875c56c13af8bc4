"""How many of m images Benjamini-Hochberg will claim: the exact law, for planning.

With m independent p-values of one law, N_k of them are at most c_k = q k/m, and the largest k with
N_k >= k is R, how many are claimed. Going down from k = m, R is the first k with N_k = k; and given
N_k = i, N_{k-1} is binomial: each of the i stays with probability P(p <= c_{k-1}) / P(p <= c_k).
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy
from scipy.stats import binom

from taggant.stats.arrays import Floats, reals

_NEGLIGIBLE = 1e-18  # mass of a state that is dropped
_SPREAD = 10.0  # standard deviations of how many leave in one step


def claims_law(chance: Floats) -> Floats:
    """Return P(R = k) for k = 0..m.

    Parameters
    ----------
    chance : float array [m]
        P(p <= q k/m) of one image, for k = 1..m; non-decreasing.

    Examples
    --------
    Two images, uniform p-values, q = 0.1: any claim has probability 0.1, as under the null.

    >>> claims_law(np.array([0.05, 0.1])).round(4)
    array([0.9 , 0.09, 0.01])
    """
    chance = reals(chance, "chance", 0.0, 1.0)
    m = chance.size
    choose = gammaln(np.arange(m + 1) + 1.0)
    law = np.asarray(binom.pmf(np.arange(m + 1), m, chance[-1]))
    claims = np.zeros(m + 1)
    first = int(np.searchsorted(chance, chance[-1])) + 1  # least k with as many p-values
    while True:
        claims[first:] += law[first:]
        law[first:] = 0.0
        if first == 1:
            claims[0] = law[0]
            return claims
        here, below = chance[first - 1], chance[first - 2]
        law = _thinned(law, float(below / here), choose)
        first = int(np.searchsorted(chance, below)) + 1


def _thinned(law: Floats, stay: float, log_factorial: Floats) -> Floats:
    """Law of how many stay if each does with probability `stay`."""
    alive = np.flatnonzero(law > _NEGLIGIBLE)
    if alive.size == 0:
        return np.zeros_like(law)
    i = np.arange(alive[0], alive[-1] + 1)
    most = int(i[-1])
    mean, spread = most * (1 - stay), _SPREAD * np.sqrt(most * stay * (1 - stay)) + 20
    gone = np.arange(max(int(i[0] * (1 - stay) - spread), 0), min(int(mean + spread), most) + 1)
    left = i - gone[:, None]
    log_mass = log_factorial[i] - log_factorial[gone][:, None] - log_factorial[np.maximum(left, 0)]
    log_mass += xlogy(left, stay) + xlog1py(gone, -stay)[:, None]
    moved = np.where(left >= 0, np.exp(log_mass), 0.0) * law[i]
    after = np.bincount(np.maximum(left, 0).ravel(), moved.ravel(), minlength=law.size)
    return np.asarray(after)
