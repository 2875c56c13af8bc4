"""The cheapest exact test of a level, for images of an expected kind.

The programme has two prices: `cost`, of a read in units of a miss, and a multiplier on the size.
For a given cost the multiplier is chosen so that the size reaches p; what is left over is spent on
the states with the best likelihood ratio. The cost itself is the largest that keeps enough power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from taggant.stats.alternatives import NULL, Beta
from taggant.stats.arrays import Floats, Ints
from taggant.stats.boundary import Boundary
from taggant.stats.chain import rounding_band
from taggant.stats.checks import real, shown
from taggant.stats.exact import size_within
from taggant.stats.levels import Level, level, top_ranks, versions
from taggant.stats.programme import Programme, Window
from taggant.stats.sequential import rank
from taggant.stats.spending import late_rows, spend

_Bracket = tuple[float, float]

WANTED_SIZE = 0.98  # of floor(p n)/n, by default

_PAIRS = 96  # costs x multipliers tried at once, at the most
_TOLERANCE = 1e-5  # relative precision of the multiplier; the left-over size is spent anyway
_ROUGH = 1e-2  # the same while costs are compared
_NEAR, _FAR = 1.5, 10.0  # factors between the multipliers of like costs, and of two horizons
_ROUNDS = 40  # of the search for one multiplier
_OPEN_END = 1e-4  # chance, under the design, of still reading near a horizon that is far enough
_LATE = 0.9  # of the horizon: what is settled just before it was cut off as well
_GAP = 1e-2  # a larger share of p left over is first spent on the neighbouring test's rows
_LEAST = 1e-12  # power, for a test that claims at all
_JUMP = 0.5  # of p; between tests of sizes further apart there is none to be had
_ROUNDING = 1e-11  # relative; sizes this close to p are decided in integers
STRONGEST = 1e9  # b of a design: beyond it a likelihood ratio has no digits left
_COSTS = (1e-5, 0.3)  # of a read, in units of p misses: least and most
_PRICE_ROUNDS = 3  # of eight costs each: to 3 %
_MULTIPLIERS = (1e-290, 1e290)
_AIM = 1.0005  # interpolated power is a little optimistic: discrete tests fall short of it
_RETRIES = 6


def optimal(
    n: int,
    p: Level,
    b: float = 50.0,
    cost: float | None = None,
    a: float = 1.0,
    min_power_share: float = 0.985,
) -> Boundary:
    """Return the test with the fewest reads and misses at the design alternative q ~ Beta(a, b).

    Guarantee: size <= p, exactly (rounding of the chain is bounded, and decided in integer
    arithmetic where it could matter). The design changes power and cost, never the size.

    Parameters
    ----------
    n : int
        Versions of one image.
    p : float, str or Fraction
        Bound on the false-detection rate, 1/n <= p < 1.
    b, a : float
        Design alternative, a <= 1 <= b; Beta(1, 50) puts the published version at the top 2 % on
        average.
    cost : float, optional
        Price of reading one hidden version, in units of one missed detection. By default the
        largest one found whose test keeps enough power.
    min_power_share : float
        Least share of the full rank test's power at the design that the chosen cost must leave,
        0..1.

    Raises
    ------
    ValueError
        If n < 1/p, if the design is not one against which few exceedances are evidence, or if the
        cost is so large that not reading at all is the best test.

    Notes
    -----
    Memory is O(states alive at one t); a horizon short of n is used where the optimal test has
    stopped by then. Work is bounded: where no cost tried keeps enough power the result is the
    curtailed rank test, which keeps all of it.

    Examples
    --------
    >>> from taggant.stats import NULL, Beta, optimal
    >>> test = optimal(1000, 0.05)
    >>> used = Beta.with_mean(0.01)
    >>> round(test.power(used), 2), round(test.expected_queries(used))
    (0.99, 74)
    """
    n, alpha = versions(n), level(p)
    top_ranks(n, alpha)
    design = _design(a, b)
    if cost is not None:
        cost = real(cost, "cost", 0.0, math.inf, "both")
    share = real(min_power_share, "min_power_share", 0.0, 1.0, "high")
    if cost is None and alpha * n == 1:  # one rank, known when all are read: no other test
        return rank(n, alpha, curtailed=True)
    boundary = _solved(n, alpha, design, cost, share)
    if boundary.size() == 0:
        raise ValueError(
            f"cost={cost!r} a read is so large that the best test for n={n}, p={p}, b={b} never "
            "claims; accepted are smaller costs, or cost=None to have one chosen"
        )
    return boundary


@lru_cache(maxsize=256)
def _solved(n: int, alpha: Fraction, design: Beta, cost: float | None, share: float) -> Boundary:
    """The test; runs of one sweep, and the stages of a run, ask for the same few."""
    ranks = np.arange(int(alpha * n))
    wanted = share * float(np.exp(design.log_pmf(n - 1, ranks, n)).sum())
    found: Boundary | None = None
    priced: _Priced | None = None
    for horizon in _horizons(n, alpha):
        problem = Programme(horizon, alpha, design)
        if cost is None:
            priced = _price(problem, wanted * _AIM, priced)
            if priced is None or _open_at_the_end(priced.rough, horizon, n, design):
                continue
            found = _cheapest(problem, n, wanted, priced)
        else:
            found = _at_cost(problem, n, _Priced(cost))
        if found is not None and not _open_at_the_end(found, horizon, n, design):
            break
    # In the limit of a vanishing cost nothing is read that could not change the outcome.
    return found or rank(n, alpha, curtailed=True)


def _design(a: float, b: float) -> Beta:
    design = Beta(a, b)
    if not design.a <= 1 <= design.b <= STRONGEST or design == NULL:
        raise ValueError(
            f"design a={shown(a)}, b={shown(b)}: accepted are a <= 1 <= b <= {STRONGEST:g}, not "
            "both 1; else the evidence does not fall with the exceedances"
        )
    return design


def _horizons(n: int, alpha: Fraction) -> list[int]:
    """Horizons up to n, each four times the last; the first with room to claim."""
    steps = [max(min(1024, math.ceil(64 / alpha)), 4 * math.ceil(1 / alpha))]
    while 1.5 * steps[-1] < n:
        steps.append(4 * steps[-1])
    return [*(step for step in steps if 1.5 * step < n), n]


def _open_at_the_end(test: Boundary | None, horizon: int, n: int, design: Beta) -> bool:
    """Does a horizon short of n cut off more than a negligible part of the reading?"""
    if test is None or horizon == n:
        return False
    late = test.states.t >= _LATE * horizon
    return float(test.states.mass(design)[late].sum()) >= _OPEN_END


@dataclass(frozen=True)
class _Priced:
    """A cost of a read; if known, a multiplier near the one at which its size is p, and a test."""

    cost: float
    multiplier: float | None = None
    rough: Boundary | None = None

    def near(self, factor: float) -> _Bracket | None:
        if self.multiplier is None:
            return None
        return self.multiplier / factor, self.multiplier * factor


def _cheapest(problem: Programme, n: int, wanted: float, priced: _Priced) -> Boundary | None:
    """The test of the largest cost that has the wanted power and uses the level; None if none."""
    smallest = WANTED_SIZE * int(problem.alpha * n) / n
    enough = None
    for attempt in range(_RETRIES):
        boundary = _at_cost(problem, n, priced)
        if boundary is None or boundary.size() == 0:
            break
        if boundary.power(problem.design) >= wanted:
            if boundary.size() >= smallest:
                return boundary
            enough = boundary
        # Discrete tests can fall short of the wanted power; a lower cost moves the states.
        priced = _Priced(priced.cost * 0.9 ** (attempt + 1), priced.multiplier)
    return enough


def _price(problem: Programme, wanted: float, guess: _Priced | None = None) -> _Priced | None:
    """Largest cost, within a few percent, at which the level-p test has the wanted power.

    None if no cost tried has it at this horizon. The guess is the answer at a shorter one.
    """
    limit, wanted = float(problem.alpha) * (1 + _ROUNDING), max(wanted, _LEAST)
    least, most = (share * float(problem.alpha) for share in _COSTS)
    near: _Bracket | None = None
    answer = None
    if guess is not None:
        least, most, near = guess.cost / 2, guess.cost * 4, guess.near(_FAR)
    for attempt in range(_PRICE_ROUNDS):
        costs = np.geomspace(least, most, 8)
        found = _search(problem, limit, costs, _ROUGH, near)
        enough = [
            crossing is not None and crossing.power >= max(wanted, _LEAST) for crossing in found
        ]
        last = [*enough, False].index(False) - 1
        if guess is not None and attempt == 0 and not 0 <= last < costs.size - 1:
            return _price(problem, wanted)
        if last < 0 and attempt == 0:
            return None
        last = max(last, 0)
        pair = [crossing for crossing in found[last : last + 2] if crossing is not None]
        if not pair:
            break
        multipliers = [crossing.multiplier for crossing in pair]
        rough = problem.boundary(problem.horizon, *pair[0].below)
        answer = _Priced(float(costs[last]), multipliers[0], rough)
        if last == costs.size - 1:
            break
        least, most = float(costs[last]), float(costs[last + 1])
        near = min(multipliers) / _NEAR, max(multipliers) * _NEAR
    return answer


def _at_cost(problem: Programme, n: int, priced: _Priced) -> Boundary | None:
    """The best test at a given cost, its left-over size spent; None if none fits."""
    alpha, design = problem.alpha, problem.design
    for rounding in (_ROUNDING, -max(_ROUNDING, 2 * rounding_band(n))):
        limit = float(alpha) * (1 + rounding)
        found = _search(problem, limit, np.array([priced.cost]), _TOLERANCE, priced.near(_NEAR))[0]
        if found is None:
            return None
        above, below = (problem.boundary(n, *rows) for rows in (found.above, found.below))
        if size_within(below, alpha):
            break
    else:
        return None
    tests = [spend(below, alpha, design)]
    if below.size() < (1 - _GAP) * alpha:
        tests.append(spend(late_rows(below, above, alpha), alpha, design))
    return min(
        tests, key=lambda test: priced.cost * test.expected_queries(design) - test.power(design)
    )


@dataclass(frozen=True)
class _Crossing:
    """Where the size crosses p: (claim, stop) of the last test above it and the first within."""

    above: tuple[Ints, Ints]
    below: tuple[Ints, Ints]
    multiplier: float
    power: float  # interpolated between the two, where they are close


def _search(
    problem: Programme, limit: float, costs: Floats, tolerance: float, near: _Bracket | None = None
) -> list[_Crossing | None]:
    """For each cost, find the multiplier at which the size crosses the limit.

    The size falls as the multiplier grows.
    """
    low, high = (np.full(costs.size, end) for end in near or _bracket(problem))
    window: Window | None = None
    row, grid = np.arange(costs.size), min(_PAIRS // costs.size, 32)
    for _ in range(_ROUNDS):
        tried = np.geomspace(low, high, grid, axis=1)
        found = problem.solve(np.repeat(costs, grid), tried.ravel(), window)
        size, power = found.size.reshape(tried.shape), found.power.reshape(tried.shape)
        k = np.argmax(size <= limit, axis=1)
        too_high, too_low = size[:, 0] <= limit, size[:, -1] > limit
        inside = ~(too_high | too_low)
        ratio = high / low
        low = np.select([too_high, too_low], [low / ratio / 2, high], tried[row, k - 1])
        high = np.select([too_high, too_low], [tried[:, 0], high * ratio * 2], tried[row, k])
        if np.any(low < _MULTIPLIERS[0]) or np.any(high > _MULTIPLIERS[1]):
            break
        window = None
        if inside.all():
            above, below = row * grid + k - 1, row * grid + k
            if np.all(high / low - 1 < tolerance):
                gap = np.maximum(size[row, k - 1] - size[row, k], 1e-300)
                share = np.where(gap < _JUMP * limit, (limit - size[row, k]) / gap, 0.0)
                between = power[row, k] + share * (power[row, k - 1] - power[row, k])
                return [
                    _Crossing(
                        (found.claim[:, above[i]], found.stop[:, above[i]]),
                        (found.claim[:, below[i]], found.stop[:, below[i]]),
                        float(low[i]),
                        float(between[i]),
                    )
                    for i in range(costs.size)
                ]
            # As the multiplier grows, claims only shrink and surrenders only grow.
            bottom = np.maximum(found.claim[:, below].min(axis=1) + 1, 0)
            window = Window(bottom, np.maximum(found.stop[:, above].max(axis=1), bottom))
    return [None] * costs.size


def _bracket(problem: Programme) -> tuple[float, float]:
    """Likelihood ratio P1/P0 at the level's own rank, and at the very top."""
    last = problem.horizon - 1
    at_p = min(int(problem.alpha * problem.horizon), problem.width - 1, last)
    ratio = np.exp(-problem.log_ratio(last, np.array([at_p, 0])))
    return max(0.2 * float(ratio[0]), 1e-290), 2.0 * float(ratio[1])
