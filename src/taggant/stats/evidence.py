"""Evidence that may be looked at after every read: an e-process and its anytime p-value.

Along the chain, P0 of a path with s exceedances in t reads is B(1+s, 1+t-s) and P1 with
q ~ Beta(a, b) is B(a+s, b+t-s) / B(a, b). Their ratio

    E_t = B(a + S_t, b + t - S_t) / [B(a, b) B(1 + S_t, 1 + t - S_t)],      E_0 = 1,

is a martingale under the null, so P(E_t >= 1/alpha for some t) <= alpha (Ville): peeking is free.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln

from taggant.stats.arrays import Bools, Floats, Ints, bits
from taggant.stats.boundary import Boundary
from taggant.stats.checks import real
from taggant.stats.levels import Level, level, top_ranks, versions


def log_e_value(t: ArrayLike, s: ArrayLike, b: float = 50.0, a: float = 1.0) -> Floats:
    """Return log E_t after t hidden versions read with s exceedances, elementwise.

    Guarantee: E[E_t] = 1 under the null at every t and, by optional stopping, at every stop.

    Parameters
    ----------
    t, s : int arrays, 0 <= s <= t
    b, a : float
        The alternative q ~ Beta(a, b) that it bets on.

    Raises
    ------
    ValueError
        If a or b is not positive or s is outside 0..t.
    """
    a, b = _bet(a, b)
    t, s = np.broadcast_arrays(np.asarray(t, float), np.asarray(s, float))
    if np.any(~((s >= 0) & (s <= t) & np.isfinite(t))):
        raise ValueError("exceedances s outside the accepted range 0 <= s <= t")
    return np.asarray(betaln(a + s, b + t - s) - betaln(a, b) - betaln(1 + s, 1 + t - s))


def e_process(exceedances: ArrayLike, b: float = 50.0, a: float = 1.0) -> Floats:
    """Return log E_t for t = 0..columns, from bool [instances, columns] in reading order."""
    read = bits(exceedances, "exceedances")
    s = np.concatenate([np.zeros((read.shape[0], 1), int), np.cumsum(read, axis=1)], axis=1)
    return log_e_value(np.arange(s.shape[1]), s, b, a)


def anytime_p_values(exceedances: ArrayLike, b: float = 50.0, a: float = 1.0) -> Floats:
    """Return 1 / max_{u <= t} E_u for t = 0..columns.

    Guarantee: under the null P(the p-value is ever <= alpha) <= alpha, so it may be watched and the
    reading stopped for any reason.
    """
    return np.asarray(np.exp(-np.maximum.accumulate(e_process(exceedances, b, a), axis=1)))


def anytime(n: int, p: Level, b: float = 50.0, a: float = 1.0) -> Boundary:
    """Return the test that claims at the first t with E_t >= 1/p, as a boundary.

    Guarantee: size <= p by Ville's inequality; `Boundary.size` is the exact crossing probability.

    Raises
    ------
    ValueError
        If n < 1/p, if E_t cannot reach 1/p, or unless a <= 1 <= b (otherwise E_t does not fall
        with the exceedances).
    """
    n, alpha = versions(n), level(p)
    top_ranks(n, alpha)
    a, b = _bet(a, b)
    if not a <= 1 <= b:
        raise ValueError(f"a={a!r}, b={b!r}: accepted are a <= 1 <= b")
    t = np.arange(n)
    claim = last_true(lambda s: log_e_value(t, np.minimum(s, t), b, a) >= -np.log(float(alpha)), t)
    if claim.max() < 0:
        raise ValueError(
            f"n={n}, p={p}, b={b}: no e-value ever reaches 1/p, the largest is "
            f"{float(np.exp(log_e_value(n - 1, 0, b, a))):.4g}; accepted are larger n, p or b"
        )
    stop = t + 1
    stop[-1] = claim[-1] + 1
    return Boundary(claim, stop)


def last_true(holds: Callable[[Ints], Bools], t: Ints) -> Ints:
    """Largest s <= t for which a condition that is true, then false, in s holds; else -1."""
    low, high = np.full(t.size, -1), t + 1
    while np.any(high - low > 1):
        s = (low + high) // 2
        yes = holds(np.maximum(s, 0)) & (s >= 0)
        open_ = high - low > 1
        low, high = np.where(open_ & yes, s, low), np.where(open_ & ~yes, s, high)
    return np.asarray(low)


def _bet(a: float, b: float) -> tuple[float, float]:
    return real(a, "a", 0.0, math.inf, "both"), real(b, "b", 0.0, math.inf, "both")
