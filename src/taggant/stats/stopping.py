"""The cheapest exact test: backward dynamic programming over (t, s).

Minimise cost * E1[hidden versions read] + P1(miss) subject to P0(claim) <= p. The likelihood ratio
of a path depends on (t, s) only, so with a multiplier on the size the problem is an optimal
stopping problem over the same states as the chain:

    V(t, s) = min( multiplier * P0/P1,  1,  cost + up V(t+1, s+1) + (1 - up) V(t+1, s) )
                   claim                give up               read one more

with up = (s + a)/(t + a + b). The multiplier is chosen so that the size reaches p; what is
left over is spent on the states with the best likelihood ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import betaln, gammaln

from taggant.stats.alternatives import NULL, Beta
from taggant.stats.arrays import Floats, Ints
from taggant.stats.boundary import Boundary
from taggant.stats.chain import forward, rounding_band
from taggant.stats.exact import size_within
from taggant.stats.levels import Level, level, top_ranks, versions
from taggant.stats.sequential import rank

WANTED_SIZE = 0.98  # of floor(p n)/n, by default

_GRID = 32  # multipliers tried at once
_TOLERANCE = 1e-5  # relative precision of the multiplier; the left-over size is spent anyway
_NEGLIGIBLE = 1e-3  # a smaller share of p is not worth spending
_FIRST_HORIZON = 1024
_OPEN_END = 1e-4  # chance, under the design, of still reading at a horizon that is far enough
_GAP = 1e-2  # a larger share of p left over is first spent on the neighbouring test's rows
_ROUNDING = 1e-11  # relative; sizes this close to p are decided in integers
_PRICE_ROUNDS = 6
_AIM = 1.0005  # interpolated power is a little optimistic: discrete tests fall short of it
_RETRIES = 12


def optimal(
    n: int,
    p: Level,
    b: float = 50.0,
    cost: float | None = None,
    a: float = 1.0,
    keep: float = 0.985,
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
        Design alternative; Beta(1, 50) puts the published version at the top 2 % on average.
    cost : float, optional
        Price of reading one hidden version, in units of one missed detection. By default the
        largest one found whose test keeps enough power.
    keep : float
        Share of the full rank test's power at the design that the chosen cost must keep, 0..1.

    Raises
    ------
    ValueError
        If n < 1/p, or if the cost is so large that not reading at all is the best test.

    Notes
    -----
    Memory is O(states alive at one t); a horizon short of n is used where the optimal test has
    stopped by then.
    """
    n, alpha = versions(n), level(p)
    top_ranks(n, alpha)
    design = Beta(a, b)
    if cost is not None and not cost > 0:
        raise ValueError(f"cost={cost!r}: accepted are cost > 0")
    if not 0 <= keep < 1:
        raise ValueError(f"keep={keep!r} is outside the accepted range 0 <= keep < 1")
    ranks = np.arange(int(alpha * n))
    wanted = keep * float(np.exp(design.log_pmf(n - 1, ranks, n)).sum())
    for horizon in _horizons(n, alpha):
        problem = _Problem.of(n, alpha, design, horizon)
        if cost is None:
            found = _cheapest(problem, n, alpha, wanted)
        else:
            found = _at_cost(problem, n, alpha, float(cost))
        if found is not None and _chance_of_reaching(found, horizon - 1, design) < _OPEN_END:
            break
    # In the limit of a vanishing cost nothing is read that could not change the outcome.
    boundary = found or rank(n, alpha, curtailed=True)
    if boundary.size() == 0:
        raise ValueError(
            f"cost={cost!r} a read is so large that the best test for n={n}, p={p}, b={b} never "
            "claims; accepted are smaller costs, or cost=None to have one chosen"
        )
    return boundary


def _horizons(n: int, alpha: Fraction) -> list[int]:
    """Doubling horizons up to n, the first with room to claim."""
    steps = [max(_FIRST_HORIZON, 4 * math.ceil(1 / alpha))]
    while 1.5 * steps[-1] < n:
        steps.append(2 * steps[-1])
    return [*(step for step in steps if 1.5 * step < n), n]


def _chance_of_reaching(boundary: Boundary, t: int, design: Beta) -> float:
    """Chance, under the design, that the audit still reads at t: the horizon was too short."""
    late = boundary.states.t >= t
    return float(boundary.states.mass(design)[late].sum()) if t < boundary.n - 1 else 0.0


def _cheapest(problem: _Problem, n: int, alpha: Fraction, wanted: float) -> Boundary | None:
    """The test of the largest cost that has the wanted power and uses the level; None if none."""
    priced = _price(problem, alpha, wanted * _AIM)
    if priced is None:
        return None
    price: float = priced[0]
    start: _Bracket | None = priced[1]
    smallest = WANTED_SIZE * int(alpha * n) / n
    for attempt in range(_RETRIES if problem.horizon == n else 3):
        boundary = _at_cost(problem, n, alpha, price, start)
        if boundary.size() >= smallest and boundary.power(problem.design) >= wanted:
            return boundary
        # Discrete tests can fall short of the wanted power; a lower cost moves the states.
        price, start = price * 0.9 ** (attempt + 1), None
    return None


def _at_cost(
    problem: _Problem, n: int, alpha: Fraction, cost: float, start: _Bracket | None = None
) -> Boundary:
    """The best test at a given cost, its left-over size spent, padded to n rows."""
    rest = n - problem.horizon  # all is decided by the horizon: rows never reached
    bracket = start or _wide(problem, alpha)
    for rounding in (_ROUNDING, -max(_ROUNDING, 2 * rounding_band(n))):
        rows = _search(problem, float(alpha) * (1 + rounding), cost, bracket)
        above, below = (
            Boundary(
                np.append(claim, np.repeat(claim[-1:], rest)),
                np.append(stop, np.repeat(stop[-1:], rest)),
            )
            for claim, stop in rows
        )
        if size_within(below, alpha):
            break
    found = [_spend(below, alpha, problem.design)]
    if below.size() < (1 - _GAP) * alpha:
        found.append(_spend(_late_rows(below, above, alpha), alpha, problem.design))

    def loss(test: Boundary) -> float:
        return cost * test.expected_queries(problem.design) - test.power(problem.design)

    return min(found, key=loss)


def _late_rows(below: Boundary, above: Boundary, alpha: Fraction) -> Boundary:
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


# --- the stopping problem ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Window:
    """States worth solving: all claim below `low[t]` and give up from `high[t]` on."""

    low: Ints
    high: Ints


@dataclass(frozen=True)
class _Problem:
    """Stopping problem with a forced decision after horizon - 1 reads; s = 0..width-1."""

    horizon: int
    width: int
    design: Beta

    @classmethod
    def of(cls, n: int, alpha: Fraction, design: Beta, horizon: int) -> _Problem:
        # Spare size lets late claims go beyond rank p n, but not twice as far.
        return cls(horizon, min(horizon, 2 * math.ceil(alpha * horizon) + 16), design)

    def whole(self) -> _Window:
        t = np.arange(self.horizon)
        return _Window(np.zeros_like(t), np.minimum(t + 1, self.width))

    def log_ratio(self, t: int, s: Ints) -> Floats:
        """log P0/P1 of a path to (t, s), over s."""
        return np.asarray(NULL.log_pmf(t, s, t + 1) - self.design.log_pmf(t, s, t + 1))

    def solve(
        self, cost: Floats, multiplier: Floats, window: _Window | None = None
    ) -> tuple[Floats, Floats, Ints, Ints]:
        """Solve for several (cost, multiplier) pairs at once.

        Returns
        -------
        size, power : float arrays [pairs]
        claim, stop : int arrays [horizon, pairs]
        """
        a, b = self.design.a, self.design.b
        window = window or self.whole()
        low, high = window.low.tolist(), window.high.tolist()
        pairs, last = cost.size, self.horizon - 1
        claims, stops = np.empty((2, self.horizon, pairs), np.int64)
        # Planes: V, P0(claim), P1(claim). Beyond the window the test has given up: 1, 0, 0.
        plane = np.zeros((3, pairs, self.width + 1))
        plane[0] = 1.0
        price, cost = multiplier[:, None], cost[:, None]
        s = np.arange(self.width, dtype=float)
        moves = np.array([[a, 1.0, a]]).T[:, None], np.array([[a + b, 2.0, a + b]]).T[:, None]
        # log P0/P1 = of_s + of_t + of_rest(t - s), tabulated once.
        rest = np.arange(self.horizon, dtype=float)
        of_rest = (gammaln(rest + 1) - gammaln(rest + b))[::-1].copy()
        of_t = gammaln(rest + a + b) - gammaln(rest + 2)
        of_s = gammaln(s + 1) - gammaln(s + a) + betaln(a, b)

        def claim_price(t: int, left: int, right: int) -> Floats:
            log_ratio = of_s[left:right] + of_rest[last - t + left : last - t + right]
            return np.asarray(price * np.exp(np.minimum(log_ratio + of_t[t], 700.0)))

        above = 0
        for t in range(last, -1, -1):
            left, right = low[t], high[t]
            if t == last:
                go = np.full((3, pairs, right - left), np.inf)
            else:
                after = low[t + 1]
                if left < after:  # those claim at t + 1, whatever the pair
                    plane[0, :, left:after] = claim_price(t + 1, left, after)
                    plane[1:, :, left:after] = 1.0
                up = (s[left:right] + moves[0]) / (t + moves[1])
                stay = plane[:, :, left:right]
                go = plane[:, :, left + 1 : right + 1] - stay
                go *= up
                go += stay
                go[0] += cost
            claiming = claim_price(t, left, right)
            halt = np.minimum(claiming, 1.0) <= go[0]
            claim = halt & (claiming < 1.0)
            count = claim.sum(axis=1)
            claims[t] = left - 1 + count
            stops[t] = right - halt.sum(axis=1) + count
            np.minimum(claiming, go[0], out=claiming)
            np.minimum(claiming, 1.0, out=plane[0, :, left:right])
            plane[1:, :, left:right] = np.where(halt, claim, go[1:])
            if right < above:  # no longer in the window: given up
                plane[0, :, right:above] = 1.0
                plane[1:, :, right:above] = 0.0
            above = right
        return plane[1, :, 0], plane[2, :, 0], claims, stops


@dataclass(frozen=True)
class _Bracket:
    """Multipliers between which the size crosses p, and the states still open between them."""

    low: float
    high: float
    window: _Window | None = None


def _wide(problem: _Problem, alpha: Fraction) -> _Bracket:
    """Likelihood ratio P1/P0 at the level's own rank, and at the very top."""
    last = problem.horizon - 1
    at_p = min(int(alpha * problem.horizon), problem.width - 1, last)
    ratio = np.exp(-problem.log_ratio(last, np.array([at_p, 0])))
    return _Bracket(0.2 * float(ratio[0]), 2.0 * float(ratio[1]))


def _open_states(claim: Ints, stop: Ints) -> _Window:
    """States left open when claims can only grow beyond `claim` and surrenders beyond `stop`."""
    bottom = np.maximum(claim + 1, 0)
    return _Window(bottom, np.maximum(stop, bottom))


def _search(
    problem: _Problem, limit: float, cost: float, bracket: _Bracket
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Find where the size crosses the limit; it falls as the multiplier grows.

    Returns
    -------
    (claim, stop) of the last test found above the limit, and of the first within it
    """
    low, high, window = bracket.low, bracket.high, bracket.window
    while True:
        tried = np.geomspace(low, high, _GRID)
        size, _, claim, stop = problem.solve(np.full(_GRID, cost), tried, window)
        if size[0] <= limit:
            low, high, window = low**2 / high / 2, low, None
        elif size[-1] > limit:
            low, high, window = high, 2 * high**2 / low, None
        else:
            k = int(np.argmax(size <= limit))
            low, high = float(tried[k - 1]), float(tried[k])
            if high / low - 1 < _TOLERANCE:
                return (claim[:, k - 1], stop[:, k - 1]), (claim[:, k], stop[:, k])
            # As the multiplier grows, claims only shrink and surrenders only grow.
            window = _open_states(claim[:, k], stop[:, k - 1])


def _price(problem: _Problem, alpha: Fraction, wanted: float) -> tuple[float, _Bracket] | None:
    """Largest cost, within a few percent, at which the level-alpha test has the wanted power.

    None if no cost tried has it at this horizon.
    """
    limit, bracket = float(alpha) * (1 + _ROUNDING), _wide(problem, alpha)
    costs, count = np.geomspace(1e-5, 0.3, 6) * limit, 10
    price = float(costs[0])
    for _ in range(_PRICE_ROUNDS):
        tried = np.geomspace(bracket.low, bracket.high, count)
        size, power, claim, stop = problem.solve(
            np.repeat(costs, tried.size), np.tile(tried, costs.size), bracket.window
        )
        size, power = size.reshape(costs.size, -1), power.reshape(costs.size, -1)
        row = np.arange(costs.size)
        k = np.clip(np.argmax(size <= limit, axis=1), 1, tried.size - 1)
        # Power at the level itself: above the chord between two multipliers, below the larger test.
        reach = (limit - size[row, k]) / np.maximum(size[row, k - 1] - size[row, k], 1e-300)
        chord = power[row, k] + np.clip(reach, 0, 1) * (power[row, k - 1] - power[row, k])
        if power[0, k[0] - 1] < wanted:  # not even a test above the level, at the smallest cost
            return None
        first = int(np.flatnonzero(chord >= wanted).max(initial=0))
        too_dear = np.flatnonzero(power[row, k - 1] < wanted)
        last = int(min(too_dear[too_dear > first], default=costs.size - 1))
        least, most = int(k[first : last + 1].min()) - 1, int(k[first : last + 1].max())
        # A larger cost only widens claims and surrenders: the cheapest pairs bound the window.
        at = first * tried.size
        bracket = _Bracket(
            float(tried[least]),
            float(tried[most]),
            _open_states(claim[:, at + most], stop[:, at + least]),
        )
        price = float(costs[first])
        if costs[last] <= 1.1 * price:
            break
        costs, count = np.geomspace(price, costs[last], 12), 12
    return price, bracket


# --- spending what is left of p -----------------------------------------------------------------


def _spend(boundary: Boundary, alpha: Fraction, design: Beta) -> Boundary:
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
