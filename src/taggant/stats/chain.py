"""The exact chain behind every test.

Read the hidden versions of one image in random order; S_t counts the exceedances among the first
t. Whatever the alternative, the order is exchangeable: given S_t = s, all C(t, s) orders are
equally likely. So the probability of *not having stopped before t given S_t = s*,

    w(t, s) = s/t w(t-1, s-1) [live] + (t-s)/t w(t-1, s) [live],        w(0, 0) = 1,

depends on the boundary alone. One forward pass gives it, all terms are non-negative (no
cancellation), and P(stop at (t, s)) = P(S_t = s) w(t, s) under *any* alternative.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from taggant.stats.alternatives import Alternative
from taggant.stats.arrays import Floats, Ints
from taggant.stats.thresholds import NOTHING, OVER_FORGOTTEN, USED, Thresholds


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


def decide(test: Thresholds, t: int, s: Ints) -> tuple[slice, slice, slice]:
    """Split consecutive states s at time t into (claim, give up, claim high) slices of s."""
    first, size = int(s[0]), s.size

    def cut(value: int) -> int:
        return min(max(value - first, 0), size)

    low = cut(int(test.claim[t]) + 1)
    stop = int(test.stop[t])
    if test.claim_high is None:
        return slice(0, low), slice(cut(stop), size), slice(size, size)
    high = cut(int(test.claim_high[t]))
    # Two-sided tests give up only where both sides have lost hope.
    return slice(0, low), slice(cut(stop), max(cut(stop), cut(t - stop + 1))), slice(high, size)


def forward(test: Thresholds) -> Iterator[tuple[int, Ints, Floats]]:
    """Yield (t, s, w(t, s)) for the window of states that can be reached alive, t = 0, 1, ...

    The yielded weights include the states in which the test stops at t. The pass ends when
    nothing is left alive, so a test that decides early is cheap whatever n is.
    """
    s, w = np.zeros(1, np.int64), np.ones(1)
    for t in range(test.n):
        yield t, s, w
        low, middle, high = decide(test, t, s)
        w = w.copy()
        w[middle] = 0.0
        top = middle.start if middle.stop == s.size else s.size
        live = slice(low.stop, min(top, high.start))
        s, w = s[live], w[live]
        if not w.any():  # also when the window is empty
            return
        up = (s + 1.0) / (t + 1.0)
        stay = (t + 1.0 - s) / (t + 1.0)
        moved = np.zeros(s.size + 1)
        moved[:-1] = w * stay
        moved[1:] += w * up
        s, w = np.arange(s[0], s[-1] + 2), moved


def stopping_states(test: Thresholds) -> StoppingStates:
    """Run the forward pass once and collect the stopping states with positive weight."""
    parts: list[tuple[int, Ints, Floats, int]] = []
    for t, s, w in forward(test):
        low, middle, high = decide(test, t, s)
        for part, side in ((low, USED), (middle, NOTHING), (high, OVER_FORGOTTEN)):
            if part.start < part.stop:
                parts.append((t, s[part].copy(), w[part].copy(), side))  # not the whole window
    sizes = [s.size for _, s, _, _ in parts]
    weight = np.concatenate([w for _, _, w, _ in parts])
    kept = weight > 0
    return StoppingStates(
        n=test.n,
        t=np.repeat([t for t, _, _, _ in parts], sizes)[kept],
        s=np.concatenate([s for _, s, _, _ in parts])[kept],
        weight=weight[kept],
        side=np.repeat([side for _, _, _, side in parts], sizes)[kept],
    )


def rounding_band(n: int) -> float:
    """Bound on the relative rounding error of a size after n steps.

    Each step multiplies and adds non-negative numbers, so errors only add up: below 8 n eps.
    """
    return float(8 * n * np.finfo(float).eps)
