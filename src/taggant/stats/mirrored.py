"""Both ends: a published version that ranks last after unlearning is evidence as well."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

from taggant.stats.alternatives import NULL, Fixed
from taggant.stats.boundary import Boundary
from taggant.stats.chain import rounding_band
from taggant.stats.levels import Level, level
from taggant.stats.thresholds import OVER_FORGOTTEN, USED

_SYMMETRIC = (NULL, Fixed(0.5))  # nulls under which both ends are alike
_SHRINK = (Fraction(0), Fraction(1, 10**6), Fraction(1, 10**4), Fraction(1, 100))


def two_sided(test: Callable[..., Boundary], n: int, p: Level, **options: object) -> Boundary:
    """Run a test at both ends: "used" (ranks first) and "over-forgotten" (ranks last).

    Each side is the given test at level p/2, mirrored for the other; the audit gives up only where
    both sides would.

    Guarantee: size <= p and each side <= p/2. A path that one side had given up may come back
    while the other still reads on. Either that cannot lead to a claim, so that the side claims at
    most what the one-sided test does, or the exact size with such paths is computed and the side's
    level lowered until it fits (by 1 % at the most).

    The null is that of the given test: the uniform chain, or fair coins for twins.

    Parameters
    ----------
    test : callable (n, p, **options) -> Boundary
        A one-sided test, e.g. `optimal`.

    Raises
    ------
    ValueError
        If the one-sided test does not exist at p/2, the two sides overlap, or no level fits.

    Examples
    --------
    >>> from taggant.stats import twins_binomial
    >>> round(two_sided(twins_binomial, 200, 0.05).size(), 3)
    0.04
    """
    half = level(p) / 2
    for shrink in _SHRINK:
        side = test(n, half * (1 - shrink), **options)
        both = Boundary(side.claim, side.stop, np.arange(side.n) - side.claim, side.null)
        if (side.null in _SYMMETRIC and _gives_up_for_good(side)) or _sides_within(both, half):
            return both
    raise ValueError(
        f"two-sided test of {test!r} at p={p}, n={n}: a side exceeds p/2 = {float(half):g}, as "
        "paths come back after giving up or the null is not symmetric; accepted are tests where "
        "that adds less than 1 %"
    )


def _gives_up_for_good(side: Boundary) -> bool:
    """Can no path claim after it has once reached the stop of this side?"""
    t = np.arange(side.n)
    highest_later = np.maximum.accumulate(side.claim[::-1])[::-1]
    stops = side.stop <= t
    return bool(np.all(side.stop[stops] > highest_later[stops]))


def _sides_within(both: Boundary, half: Fraction) -> bool:
    limit = float(half) * (1 - rounding_band(both.n))
    return all(both.power_of_side(both.null, which) <= limit for which in (USED, OVER_FORGOTTEN))
