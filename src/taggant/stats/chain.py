"""The exact chain behind every test.

Read the hidden versions of one image in random order; S_t counts the exceedances among the first
t. Whatever the alternative, the order is exchangeable: given S_t = s, all C(t, s) orders are
equally likely. So the probability of *not having stopped before t given S_t = s*,

    w(t, s) = s/t w(t-1, s-1) [live] + (t-s)/t w(t-1, s) [live],        w(0, 0) = 1,

depends on the boundary alone. One forward pass gives it, all terms are non-negative (no
cancellation), and P(stop at (t, s)) = P(S_t = s) w(t, s) under *any* alternative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from taggant.stats.alternatives import Alternative, log_choose
from taggant.stats.arrays import Floats, Ints
from taggant.stats.thresholds import NOTHING, Thresholds

_BLOCK = 4096  # rows
_LARGEST = 600.0  # log of a number that is squarely within the range of floats


@dataclass(frozen=True)
class StoppingStates:
    """Every state (t, s) in which a test can stop.

    Attributes
    ----------
    n : int
        Versions of one image.
    t, s : int arrays [states]
        Hidden versions read and exceedances seen, in order of (t, s).
    weight : float array [states]
        P(not stopped before t | S_t = s).
    side : int array [states]
        1: claims "used" (ranks first); -1: claims "over-forgotten" (ranks last); 0: gives up.
    """

    n: int
    t: Ints
    s: Ints
    weight: Floats
    side: Ints

    def mass(self, alternative: Alternative) -> Floats:
        """Return P(the test stops in this state) [states]; sums to 1."""
        return np.asarray(self.weight * np.exp(alternative.log_pmf(self.t, self.s, self.n)))


@dataclass(frozen=True)
class Block:
    """Consecutive rows t of the chain, over one window of consecutive s.

    Attributes
    ----------
    t, s : int arrays [rows], [columns]
    weight : float array [rows, columns]
        w(t, s), those of the states in which the test stops at t included.
    """

    t: Ints
    s: Ints
    weight: Floats


def forward(test: Thresholds, most: int | None = None) -> Iterator[Block]:
    """Yield w(t, s) for all states that can be reached alive, block after block of rows.

    Rows in which nothing is decided are skipped, as w = 1 there. The pass ends when nothing is left
    alive, so a test that decides early is cheap whatever n is. Paths with more than `most`
    exceedances are dropped: none of them comes back.
    """
    most = test.n - 1 if most is None else most
    t = _first_decision(test)
    s = np.arange(min(t, most) + 1)
    w = np.ones(s.size)
    while True:
        rows = _rows_at_once(test, t, s, most)
        if rows > 1:
            block = _by_columns(test, t, s, w, rows, most)
        else:
            block = Block(np.array([t]), s, w[None])
        yield block
        t = int(block.t[-1])
        s, w = _alive(test, t, block.s, block.weight[-1])
        if not w.any() or t == test.n - 1:  # also when the window is empty
            return
        up = (s + 1.0) / (t + 1.0)
        moved = np.zeros(s.size + 1)
        moved[:-1] = w * ((t + 1.0 - s) / (t + 1.0))
        moved[1:] += w * up
        t, s = t + 1, np.arange(s[0], min(int(s[-1]) + 1, most) + 1)
        w = moved[: s.size]


def _first_decision(test: Thresholds) -> int:
    t = np.arange(test.n)
    may = (test.claim >= 0) | (test.stop <= t)
    if test.claim_high is not None:
        may |= test.claim_high <= t
    return int(np.argmax(may))


def _alive(test: Thresholds, t: int, s: Ints, w: Floats) -> tuple[Ints, Floats]:
    """Return the window of states in which the test reads on, with those inside that do not at 0.

    Two-sided tests give up only where both sides have lost hope, in the middle of the window.
    """
    ended, _ = test.decided(t, s)
    w = np.where(ended, 0.0, w)
    left = np.flatnonzero(w)
    return (s[left[0] : left[-1] + 1], w[left[0] : left[-1] + 1]) if left.size else (s[:0], w[:0])


def _rows_at_once(test: Thresholds, t: int, s: Ints, most: int) -> int:
    """How many rows to take column by column: worth it for narrow windows over many rows."""
    rows = min(_BLOCK, test.n - t)
    while rows >= 4 * s.size:
        last = t + rows - 1
        column = np.arange(s[0], _top(test, t, last, int(s[-1]), most) + 1)
        if rows >= 4 * column.size:
            # The normaliser C(last, s)/C(t, s) of `_by_columns` must stay within range.
            growth = log_choose(last, column) - log_choose(np.maximum(t, column), column)
            if growth.max() < _LARGEST:
                return rows
        rows //= 4
    return 1


def _top(test: Thresholds, t: int, last: int, s: int, most: int) -> int:
    """Largest s <= most that a path from (t, s) can have when it stops, up to row `last`."""
    reach = min(s + last - t, last, most)
    if test.claim_high is not None:
        return reach
    return min(reach, max(s, int(test.stop[t : last + 1].max())))


def _by_columns(test: Thresholds, t: int, s: Ints, w: Floats, rows: int, most: int) -> Block:
    """Run many rows of the chain for one s after the other.

    C(t, s) w(t, s) counts the paths that are alive, and in a column it is a running sum of what
    comes in from the column on its left, c(t, s) = c(t-1, s) [live] + c(t-1, s-1) [live]. Counts
    are kept as shares of C(last, s), so that they stay within the range of floats.
    """
    time = np.arange(t, t + rows)
    last = int(time[-1])
    column = np.arange(s[0], _top(test, t, last, int(s[-1]), most) + 1)
    ended, _ = test.decided(time[:, None], column)
    weight = np.zeros((rows, column.size))
    weight[0, : s.size] = w
    flow = np.zeros(rows)
    for k, here in enumerate(column.tolist()):
        # C(last, here) / C(time, here), from the last row back; no state has time < here.
        later = np.maximum(time[:0:-1], here + 1)
        step = np.where(time[:0:-1] > here, later / (later - here), 1.0)
        ratio = np.append(np.cumprod(step)[::-1], 1.0)
        count = flow * (here / max(last - here + 1, 1))
        count[0] = weight[0, k] / ratio[0]
        live = ~ended[:, k]
        edges = np.flatnonzero(np.diff(live, prepend=False, append=False))
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            count[start : stop + 1] = np.cumsum(count[start : stop + 1])
        weight[:, k] = count * ratio
        flow = np.concatenate([[0.0], np.where(live, count, 0.0)[:-1]])
    return Block(time, column, weight)


def stopping_states(test: Thresholds) -> StoppingStates:
    """Run the forward pass once and collect the stopping states with positive weight."""
    return _collect(test, forward(test), claims_only=False)


def claiming_states(test: Thresholds) -> StoppingStates:
    """Collect the states in which a one-sided test claims: few, even where it never gives up."""
    return _collect(test, forward(test, max(int(test.claim.max()), 0)), claims_only=True)


def _collect(test: Thresholds, blocks: Iterable[Block], claims_only: bool) -> StoppingStates:
    parts: list[tuple[Ints, Ints, Floats, Ints]] = []
    for block in blocks:
        ended, side = test.decided(block.t[:, None], block.s)
        wanted = side != NOTHING if claims_only else ended
        row, column = np.nonzero(wanted & (block.weight > 0))
        parts.append((block.t[row], block.s[column], block.weight[row, column], side[row, column]))
    t, s, weight, side = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return StoppingStates(n=test.n, t=t, s=s, weight=weight, side=side)


def rounding_band(n: int) -> float:
    """Bound on the relative rounding error of a size after n steps.

    Each step multiplies and adds non-negative numbers, so errors only add up: below 8 n eps.
    """
    return float(8 * n * np.finfo(float).eps)
