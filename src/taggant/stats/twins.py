"""Twin marks: n = 2 versions of each of N images, one published by a fair coin.

Pairs are looked at in random order; the published twin "loses" where the hidden one scores higher.
Under the null every pair is a fair coin, so the losses among t pairs are Binomial(t, 1/2). That is
exchangeable too: a test is a `Boundary` over t = 0..N pairs with `null = Fixed(1/2)`, and its
size, power, queries and p-values are exact by the same chain. Score evaluations = 2 x pairs.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln
from scipy.stats import binom

from taggant.stats.alternatives import Fixed
from taggant.stats.arrays import Floats
from taggant.stats.boundary import Boundary
from taggant.stats.checks import integer, real, shown
from taggant.stats.evidence import last_true
from taggant.stats.levels import MOST_VERSIONS, Level, level
from taggant.stats.sequential import PriorPosteriorRatio

Tail = Literal["binomial", "chernoff"]

COIN = Fixed(0.5)


def wins_needed(pairs: int, alpha: float, tail: Tail = "binomial") -> int:
    """Return the smallest number of wins whose null tail probability is at most alpha.

    Parameters
    ----------
    pairs : int
        N >= 1 pairs.
    alpha : float
        Bound on P(wins >= threshold), 0 < alpha < 1.
    tail : {"binomial", "chernoff"}
        The exact tail, or the multiplicative Chernoff bound of the papers' reference code, which
        asks for more wins than necessary.

    Returns
    -------
    int
        At most N + 1, which no number of wins reaches.
    """
    pairs, alpha = _pairs(pairs), real(alpha, "alpha", 0.0, 1.0, "both")
    wins = np.arange(pairs // 2 + 1, pairs + 1)
    if tail == "binomial":
        small = binom.logsf(wins - 1, pairs, 0.5) <= math.log(alpha)
    elif tail == "chernoff":
        ratio = 2 * wins / pairs
        small = pairs / 2 * (ratio - 1 - ratio * np.log(ratio)) <= math.log(alpha)
    else:
        raise ValueError(f"tail={shown(tail)}: accepted are 'binomial' and 'chernoff'")
    return int(wins[np.argmax(small)]) if small.any() else pairs + 1


def twins_binomial(pairs: int, p: Level) -> Boundary:
    """Look at every pair; claim iff the wins reach the exact binomial threshold. Size <= p."""
    pairs, alpha = _pairs(pairs), level(p)
    lost = pairs - _threshold(pairs, float(alpha), "binomial", p)
    t = np.arange(pairs + 1)
    claim = np.where(t == pairs, lost, -1)
    return Boundary(claim, np.where(t == pairs, lost + 1, t + 1), null=COIN)


def twins_pprm(
    pairs: int,
    p: Level,
    split: Level = 0.5,
    tail: Tail = "binomial",
    a: float = 1.0,
    b: float = 1.0,
    futility: bool = False,
) -> Boundary:
    """The papers' dataset test: claim when the lower confidence bound for the wins is high enough.

    A prior-posterior-ratio confidence sequence of level split * p, and a threshold on the total
    number of wins whose null tail is at most (1 - split) * p.

    Guarantee: size <= p; `Boundary.size` gives the exact and smaller value.

    Raises
    ------
    ValueError
        If no number of wins among so few pairs is significant.
    """
    pairs, alpha, share = _pairs(pairs), level(p), level(split, "split")
    lost = pairs - _threshold(pairs, float((1 - share) * alpha), tail, p)
    ratio = PriorPosteriorRatio(pairs, *_prior(a, b), math.log(share * alpha))
    t = np.arange(pairs + 1)
    claim = ratio.claims(lost)
    stop = np.maximum(ratio.surrenders(lost) if futility else t + 1, claim + 1)
    stop[pairs] = claim[pairs] + 1
    return Boundary(claim, stop, null=COIN)


def twins_log_e(t: ArrayLike, losses: ArrayLike, a: float = 1.0, b: float = 1.0) -> Floats:
    """Return the log e-value of t pairs: a bet on win rates above 1/2, mixed over Beta(a, b).

    The mixture is restricted to (1/2, 1), so evidence for the hidden twins never counts.
    Guarantee: expectation 1 under fair coins at every t, hence at every stop.

    Raises
    ------
    ValueError
        If a or b is not positive or the losses are outside 0..t.
    """
    a, b = _prior(a, b)
    t, losses = np.broadcast_arrays(np.asarray(t, float), np.asarray(losses, float))
    wins = t - losses
    if np.any(~((losses >= 0) & (wins >= 0) & np.isfinite(t))):
        raise ValueError("losses outside the accepted range 0 <= losses <= t")
    with np.errstate(divide="ignore"):
        upper = np.log(betainc(b + losses, a + wins, 0.5)) - np.log(betainc(b, a, 0.5))
    return np.asarray(t * math.log(2) + betaln(a + wins, b + losses) - betaln(a, b) + upper)


def twins_betting(pairs: int, p: Level, a: float = 1.0, b: float = 1.0) -> Boundary:
    """Claim at the first t where the e-value reaches 1/p: no split of p, peeking is free.

    Guarantee: size <= p by Ville's inequality, for every number of pairs.

    Raises
    ------
    ValueError
        If no number of wins among so few pairs reaches 1/p.
    """
    pairs, alpha = _pairs(pairs), level(p)
    t = np.arange(pairs + 1)
    claim = last_true(
        lambda s: twins_log_e(t, np.minimum(s, t), a, b) >= -math.log(float(alpha)), t
    )
    if claim.max() < 0:
        raise _too_few(pairs, p)
    stop = t + 1
    stop[pairs] = claim[pairs] + 1
    return Boundary(claim, stop, null=COIN)


def _threshold(pairs: int, alpha: float, tail: Tail, p: Level) -> int:
    wins = wins_needed(pairs, alpha, tail)
    if wins > pairs:
        raise _too_few(pairs, p)
    return wins


def _too_few(pairs: int, p: Level) -> ValueError:
    return ValueError(
        f"{pairs} pairs at p={p}: not even {pairs} wins are significant; accepted are larger p or "
        "more pairs"
    )


def _prior(a: float, b: float) -> tuple[float, float]:
    return real(a, "a", 0.0, math.inf, "both"), real(b, "b", 0.0, math.inf, "both")


def _pairs(pairs: int) -> int:
    return integer(pairs, "pairs", 1, MOST_VERSIONS)
