"""What a test leaves of its level p, spent on further claims; size <= p all the while."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from taggant.stats.alternatives import NULL, Beta
from taggant.stats.arrays import Floats, Ints
from taggant.stats.boundary import Boundary
from taggant.stats.chain import forward
from taggant.stats.exact import size_within

_NEGLIGIBLE = 1e-3  # a smaller share of p is not worth spending


def spend(boundary: Boundary, alpha: Fraction, design: Beta) -> Boundary:
    """Turn further states into claims, best likelihood ratio first, while size <= p."""
    while boundary.size() < (1 - _NEGLIGIBLE) * float(alpha):
        spare = (float(alpha) - boundary.size()) * (1 + 1e-9)
        t, null, gain = _candidates(boundary, design)
        order = np.argsort(-gain / null, kind="stable")
        order = order[null[order] <= spare]
        # Claims overlap, so together they add at most the sum of what each adds alone.
        chosen = t[order[np.cumsum(null[order]) <= spare]]
        if chosen.size == 0:
            return boundary
        claim = boundary.claim.copy()
        claim[chosen] += 1
        larger = Boundary(claim, np.maximum(boundary.stop, claim + 1))
        if not size_within(larger, alpha):
            return boundary
        boundary = larger
    return boundary


def _candidates(boundary: Boundary, design: Beta) -> tuple[Ints, Floats, Floats]:
    """For each t, what claiming one more exceedance would add to P0(claim) and to P1(claim)."""
    times, weights = [], []
    for block in forward(boundary, int(boundary.claim.max()) + 1):
        column = boundary.claim[block.t] + 1 - block.s[0]
        inside = np.flatnonzero((column >= 0) & (column < block.s.size))
        times.append(block.t[inside])
        weights.append(block.weight[inside, column[inside]])
    t, weight = np.concatenate(times), np.concatenate(weights)
    t, weight = t[weight > 0], weight[weight > 0]
    s = boundary.claim[t] + 1
    already = _claims_from(boundary, int(t.max(initial=0)), design)
    null, gain = (
        weight * np.exp(law.log_pmf(t, s, boundary.n)) * (1 - chance[t])
        for law, chance in zip((NULL, design), already, strict=True)
    )
    useful = null > 0
    return t[useful], null[useful], gain[useful]


def _claims_from(boundary: Boundary, last: int, design: Beta) -> tuple[Floats, Floats]:
    """P0 and P1 of a later claim from the state just above each claim[t]; 0 if it gives up."""
    width = int(
        boundary.stop[: last + 1][boundary.stop[: last + 1] <= np.arange(last + 1)].max(initial=1)
    )
    law_a, law_b = np.array([[1.0], [design.a]]), np.array([[1.0], [design.b]])
    s = np.arange(width + 1)
    chance = np.zeros((2, width + 2))
    found = np.zeros((2, last + 1))
    for t in range(last, -1, -1):
        up = (s + law_a) / (t + law_a + law_b)
        chance[:, :-1] += up * (chance[:, 1:] - chance[:, :-1])
        chance[:, max(int(boundary.stop[t]), 0) :] = 0.0
        chance[:, : int(boundary.claim[t]) + 1] = 1.0
        found[:, t] = chance[:, int(boundary.claim[t]) + 1]
    return found[0], found[1]


def late_rows(below: Boundary, above: Boundary, alpha: Fraction) -> Boundary:
    """Take as many of the last rows of a test that exceeds alpha as alpha allows.

    Where few ranks may be claimed, the size jumps by a whole rank between two multipliers.
    """
    t = np.arange(below.n)

    def mixed(first: int) -> Boundary:
        late = t >= first
        return Boundary(
            np.where(late, above.claim, below.claim), np.where(late, above.stop, below.stop)
        )

    low, high = 0, below.n  # from `high` on it fits
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if size_within(mixed(middle), alpha) else (middle, high)
    return mixed(high)
