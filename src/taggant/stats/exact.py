"""Sizes without any rounding: the paths to a claim are counted with integers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from taggant.stats.alternatives import NULL, Fixed
from taggant.stats.boundary import Boundary
from taggant.stats.chain import rounding_band

_MOST_COUNTED = 5000  # versions: counting takes time that grows with the square


def exact_size(boundary: Boundary) -> Fraction:
    """Return P(claim | null) as a fraction.

    A path to (t, s) has null probability s! (t-s)! / (t+1)! on the uniform chain, and 2^-t where
    fair coins are the null. Slower than `Boundary.size` by orders of magnitude: for checking, and
    for deciding cases in doubt.

    Raises
    ------
    ValueError
        If the null of the boundary is neither.

    Examples
    --------
    >>> from taggant.stats import besag_clifford
    >>> exact_size(besag_clifford(100, 0.03, h=2))
    Fraction(2, 67)
    """
    uniform = boundary.null == NULL
    if not uniform and boundary.null != Fixed(0.5):
        raise ValueError(
            f"null={boundary.null!r}: accepted are the uniform chain, {NULL!r}, and fair coins"
        )
    factorial = [1]
    for t in range(boundary.n):
        factorial.append(factorial[-1] * (t + 1))
    paths, claims = {0: 1}, 0  # claims: over (t + 1)!, or over 2^t
    for t in range(boundary.n):
        claims *= t + 1 if uniform else 2
        states = np.array(sorted(paths), np.int64)
        ended, side = boundary.outcome(np.full(states.size, t), states)
        alive: dict[int, int] = {}
        for s, stops, claimed in zip(states.tolist(), ended.tolist(), side.tolist(), strict=True):
            if claimed:
                claims += paths[s] * (factorial[s] * factorial[t - s] if uniform else 1)
            elif not stops:
                alive[s] = alive.get(s, 0) + paths[s]
                alive[s + 1] = paths[s]
        paths = alive
    return Fraction(claims, factorial[boundary.n] if uniform else 2 ** (boundary.n - 1))


def size_within(boundary: Boundary, alpha: Fraction) -> bool:
    """Is size <= alpha, beyond doubt? Paths are counted with integers only if rounding matters.

    For n > 5000 a case in doubt counts as no.
    """
    size, limit, band = boundary.size(), float(alpha), rounding_band(boundary.n)
    if size <= limit * (1 - band):
        return True
    in_doubt = size <= limit * (1 + band) and boundary.n <= _MOST_COUNTED
    return in_doubt and exact_size(boundary) <= alpha
