"""The stopping problem behind `optimal`: backward dynamic programming over (t, s).

Minimise cost * E1[hidden versions read] + P1(miss) + multiplier * P0(claim). The likelihood ratio
of a path depends on (t, s) only, so this is an optimal stopping problem over the states of the
chain:

    V(t, s) = min( multiplier * P0/P1,  1,  cost + up V(t+1, s+1) + (1 - up) V(t+1, s) )
                   claim                give up               read one more

with up = (s + a)/(t + a + b). Late in a long audit nothing changes from one read to the next, so
decisions are looked for at `looks` only, and V moves from look to look by the exact law of the
exceedances in between. That costs less than 1 % of the reads, and nothing of the guarantee: what
a test's size is does not depend on how it was found.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy.special import betaln, gammaln

from taggant.stats.alternatives import NULL, Beta
from taggant.stats.arrays import Floats, Ints
from taggant.stats.boundary import Boundary

_SHORT = 1024  # rows that are all looked at
_EVERY_READ = 256  # elsewhere: reads after which not every one is looked at
_SPACING = 64  # then one in t / 64
_NEVER = 1e-13  # chance of still more exceedances from one look to the next: none are counted
_BAND = 8.0  # standard deviations of S_t around p t beyond which the outcome is settled


@dataclass(frozen=True)
class Window:
    """States worth solving at each look: all claim below `low` and give up from `high` on."""

    low: Ints
    high: Ints


@dataclass(frozen=True)
class Solution:
    """Best tests for several (cost, multiplier) pairs. Arrays are [pairs] and [looks, pairs]."""

    size: Floats
    power: Floats
    claim: Ints
    stop: Ints


@dataclass(frozen=True)
class Programme:
    """Stopping problem of level p with a forced decision after horizon - 1 reads."""

    horizon: int
    alpha: Fraction
    design: Beta

    @cached_property
    def looks(self) -> Ints:
        """Numbers of reads, 0 and horizon - 1 among them, after which a decision may be made."""
        short = self.horizon <= _SHORT
        looks = list(range(self.horizon if short else _EVERY_READ))
        while looks[-1] < self.horizon - 1:
            looks.append(min(looks[-1] + max(1, looks[-1] // _SPACING), self.horizon - 1))
        return np.array(looks)

    @cached_property
    def width(self) -> int:
        """States s = 0..width-1: spare size lets late claims go beyond p n, not twice as far."""
        return min(self.horizon, 2 * math.ceil(self.alpha * self.horizon) + 16)

    @cached_property
    def whole(self) -> Window:
        """Every state that is not settled whatever the pair."""
        t, p = self.looks, float(self.alpha)
        spread = _BAND * np.sqrt(p * (1 - p) * t) + 16
        low = np.maximum(np.floor(p * t - spread), 0).astype(np.int64)
        high = np.minimum(np.ceil(p * t + spread).astype(np.int64), np.minimum(t + 1, self.width))
        return Window(np.minimum(low, high), high)

    def log_ratio(self, t: int, s: Ints) -> Floats:
        """log P0/P1 of a path to (t, s), over s."""
        return np.asarray(NULL.log_pmf(t, s, t + 1) - self.design.log_pmf(t, s, t + 1))

    def boundary(self, n: int, claim: Ints, stop: Ints) -> Boundary:
        """Return the test of n versions that decides at the looks as told.

        Between two looks no state claims that has not before, and what will be given up at the next
        look is given up as soon as it is certain.
        """
        t = np.arange(n)
        last = np.minimum(t, self.horizon - 1)  # all is decided by then: rows never reached
        claims = claim[np.searchsorted(self.looks, last, side="right") - 1]
        stops = stop[np.searchsorted(self.looks, last)]
        return Boundary(claims, np.maximum(stops, claims + 1))

    def solve(self, cost: Floats, multiplier: Floats, window: Window | None = None) -> Solution:
        """Solve for several (cost, multiplier) pairs at once, arrays [pairs]."""
        window = window or self.whole
        low, high = window.low.tolist(), window.high.tolist()
        pairs, last = cost.size, len(self.looks) - 1
        claims, stops = np.empty((2, last + 1, pairs), np.int64)
        # Planes: V, P0(claim), P1(claim). Beyond the window the test has given up: 1, 0, 0.
        plane = np.zeros((3, pairs, self.width + 1))
        plane[0] = 1.0
        price, cost = multiplier[:, None], cost[:, None]
        above = 0
        for k in range(last, -1, -1):
            t, left, right = int(self.looks[k]), low[k], high[k]
            if k == last:
                go = np.full((3, pairs, right - left), np.inf)
            else:
                after = low[k + 1]
                if left < after:  # those claim at the next look, whatever the pair
                    plane[0, :, left:after] = price * self._ratio(k + 1, left, after)
                    plane[1:, :, left:after] = 1.0
                go = self._move(k, plane, left, right)
                go[0] += cost * (self.looks[k + 1] - t)
            claiming = price * self._ratio(k, left, right)
            halt = np.minimum(claiming, 1.0) <= go[0]
            claim = halt & (claiming < 1.0)
            count = claim.sum(axis=1)
            claims[k] = left - 1 + count
            stops[k] = right - halt.sum(axis=1) + count
            np.minimum(claiming, go[0], out=claiming)
            np.minimum(claiming, 1.0, out=plane[0, :, left:right])
            plane[1:, :, left:right] = np.where(halt, claim, go[1:])
            if right < above:  # no longer in the window: given up
                plane[0, :, right:above] = 1.0
                plane[1:, :, right:above] = 0.0
            above = right
        return Solution(plane[1, :, 0], plane[2, :, 0], claims, stops)

    def _ratio(self, k: int, left: int, right: int) -> Floats:
        """P0/P1 at a look, over s = left..right-1, from tables made once."""
        of_s, of_rest, of_t = self._tables
        t = int(self.looks[k])
        rest = of_rest[self.horizon - 1 - t + left : self.horizon - 1 - t + right]
        return np.asarray(np.exp(np.minimum(of_s[left:right] + rest + of_t[t], 700.0)))

    @cached_property
    def _tables(self) -> tuple[Floats, Floats, Floats]:
        """log P0/P1 = of_s + of_rest (of t - s, last first) + of_t."""
        a, b = self.design.a, self.design.b
        s, t = np.arange(self.width, dtype=float), np.arange(self.horizon, dtype=float)
        of_s = gammaln(s + 1) - gammaln(s + a) + betaln(a, b)
        of_rest = (gammaln(t + 1) - gammaln(t + b))[::-1].copy()
        return of_s, of_rest, np.asarray(gammaln(t + a + b) - gammaln(t + 2))

    def _move(self, k: int, plane: Floats, left: int, right: int) -> Floats:
        """Expected planes at the next look, for s = left..right-1 at look k."""
        a, b = self.design.a, self.design.b
        t, reads = int(self.looks[k]), int(self.looks[k + 1] - self.looks[k])
        s = np.arange(left, right, dtype=float)
        if reads == 1:
            moves = np.array([[a, 1.0, a]]).T[:, None], np.array([[a + b, 2.0, a + b]]).T[:, None]
            stay = plane[:, :, left:right]
            go = plane[:, :, left + 1 : right + 1] - stay
            go *= (s + moves[0]) / (t + moves[1])
            go += stay
            return np.asarray(go)
        go = np.zeros((3, plane.shape[1], right - left))
        if left == right:
            return go
        left_out = np.ones(right - left)
        for j, null, design in self._increments(k, s):
            inside = max(min(right, self.width - j) - left, 0)  # beyond: given up
            part = plane[:, :, left + j : left + j + inside]
            go[0::2, :, :inside] += design[:inside] * part[0::2]
            go[1, :, :inside] += null[:inside] * part[1]
            left_out[:inside] -= design[:inside]
            if j % 4 == 3 and np.max(left_out[:inside], initial=0.0) < _NEVER:
                break
        go[0] += np.maximum(left_out, 0.0)
        return go

    def _increments(self, k: int, s: Floats) -> Iterator[tuple[int, Floats, Floats]]:
        """Yield j, P0 and P1 of j exceedances among the reads from look k to the next, over s."""
        t, reads = int(self.looks[k]), int(self.looks[k + 1] - self.looks[k])
        law_a = np.array([[1.0], [self.design.a]])
        law_b = np.array([[1.0], [self.design.b]])
        yes, no = law_a + s, law_b + t - s
        mass = np.exp(betaln(yes, no + reads) - betaln(yes, no))
        yield 0, mass[0], mass[1]
        for j in range(1, min(reads, self.width - int(s[0])) + 1):
            mass = mass * ((reads - j + 1) / j) * (yes + j - 1) / (no + reads - j)
            yield j, mass[0], mass[1]
