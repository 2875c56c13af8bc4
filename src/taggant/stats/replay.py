"""A test applied to bits: where each instance stops. What was not read is never guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from taggant.stats.arrays import Bools, Floats, Ints, bits, integers
from taggant.stats.thresholds import Thresholds

_ROWS, _COLUMNS = 4096, 128  # a block stays in the cache, and its row sums fit 8 bits


@dataclass(frozen=True, eq=False)
class Decisions:
    """What a test says about each instance. All arrays are [instances].

    Attributes
    ----------
    claim : bool array
        A claim was made (in a two-sided test: either claim, see `side`).
    side : int array
        1: "used", the published version ranks too high for chance; -1: "over-forgotten", it ranks
        too low (two-sided tests only); 0: no claim, which is *not* evidence of the contrary.
    read : int array
        Hidden versions read one by one until the stop.
    exceedances : int array
        Those among them that beat the published version.
    p_value : float array
        Exact stopped p-value, stage-wise ordering: P(p_value <= x) <= x under the null for every x,
        and p_value <= size exactly when there is a claim.
    """

    claim: Bools
    side: Ints
    read: Ints
    exceedances: Ints
    p_value: Floats

    def __len__(self) -> int:
        return int(self.claim.size)


def first_stop(
    test: Thresholds, exceedances: ArrayLike, read: ArrayLike, count: ArrayLike
) -> tuple[Ints, Ints]:
    """Find where each instance stops within a block of newly read versions.

    Parameters and returns are those of `Boundary.stopped_at`.
    """
    block = bits(exceedances, "exceedances")
    m, width = block.shape
    start = np.broadcast_to(integers(read, "read", 0, test.n - 1), (m,))
    before = np.broadcast_to(integers(count, "count", 0, test.n - 1), (m,))
    if (bad := np.flatnonzero(start + width > test.n - 1)).size:
        raise ValueError(
            f"{start[bad[0]]} + {width} hidden versions read; accepted are up to n-1 = {test.n - 1}"
        )
    if (bad := np.flatnonzero(before > start)).size:
        raise ValueError(
            f"count={before[bad[0]]} of {start[bad[0]]} hidden versions read: accepted are 0..read"
        )
    t = start[:, None] + np.arange(width + 1)
    s = before[:, None] + np.concatenate(
        [np.zeros((m, 1), np.int64), np.cumsum(block, axis=1, dtype=np.int64)], axis=1
    )
    ended, _ = test.decided(t, s)
    first = ended.argmax(axis=1)
    rows = np.arange(m)
    found = ended[rows, first]
    column = np.where(found, first, width)
    return np.where(found, t[rows, column], -1), s[rows, column]


def replay(
    test: Thresholds, exceedances: ArrayLike, reads: ArrayLike | None = None
) -> tuple[Ints, Ints]:
    """Return (t, s) at the stop of each instance [instances]; see `Boundary.run`."""
    table = bits(exceedances, "exceedances")
    m, width = table.shape
    if width > test.n - 1:
        raise ValueError(f"{width} columns of exceedances, accepted are up to {test.n - 1}")
    real = np.full(m, width) if reads is None else integers(reads, "reads", 0, width)
    if real.shape != (m,):
        raise ValueError(f"reads has shape {real.shape}, accepted is one integer an instance, {m}")
    t, s = np.full(m, -1, np.int64), np.zeros(m, np.int64)
    for top in range(0, m, _ROWS):
        rows = slice(top, top + _ROWS)
        t[rows], s[rows] = _replay_rows(test, table[rows])
    if (bad := np.flatnonzero((t < 0) | (t > real))).size:
        raise ValueError(
            f"{bad.size} of {m} instances are undecided after their reads, the first is instance "
            f"{bad[0]} with {real[bad[0]]} versions read; read on until the test stops"
        )
    return t, s


def _replay_rows(test: Thresholds, table: Bools) -> tuple[Ints, Ints]:
    m, width = table.shape
    t, s = np.full(m, -1, np.int64), np.zeros(m, np.int64)
    undecided = np.arange(m)
    for left in range(0, max(width, 1), _COLUMNS):
        columns = slice(left, left + _COLUMNS)
        block = table[:, columns] if undecided.size == m else table[undecided, columns]
        before = s[undecided]
        after = before + np.add.reduce(block.view(np.uint8), axis=1, dtype=np.uint8)
        # Most instances are far from every threshold of the block: a sum settles them.
        near = np.flatnonzero(_may_stop(test, left, block.shape[1], before, after))
        s[undecided] = after
        if near.size:
            ended, total = _counts(test, block[near], left, before[near])
            first = ended.argmax(axis=1)
            found = ended[np.arange(near.size), first]
            stopped = undecided[near[found]]
            t[stopped] = left + first[found]
            s[stopped] = total[found, first[found]]
            undecided = np.delete(undecided, near[found])
        if undecided.size == 0:
            break
    return t, s


def _may_stop(test: Thresholds, left: int, width: int, before: Ints, after: Ints) -> Bools:
    """Can a path from `before` at t = left to `after` at left + width meet a threshold?"""
    rows = slice(left, left + width + 1)
    t = np.arange(left, left + width + 1)
    lowest = [test.stop[rows][test.stop[rows] <= t]]
    if test.claim_high is not None:
        lowest.append(test.claim_high[rows][test.claim_high[rows] <= t])
    least = min((int(x.min()) for x in lowest if x.size), default=test.n)
    return np.asarray((before <= test.claim[rows].max()) | (after >= least))


def _counts(test: Thresholds, block: Bools, left: int, before: Ints) -> tuple[Bools, Ints]:
    """Cumulative counts at t = left..left+width, and where the test would stop."""
    m, width = block.shape
    narrow = np.int32 if test.n > 30_000 else np.int16
    total = np.empty((m, width + 1), narrow)
    total[:, 0] = before
    np.cumsum(block, axis=1, dtype=narrow, out=total[:, 1:])
    total[:, 1:] += total[:, :1]
    rows, t = slice(left, left + width + 1), np.arange(left, left + width + 1)
    # No count lies outside -1..t + 1, so thresholds beyond are the same as these.
    stop = np.clip(test.stop[rows], -1, t + 1)
    ended = total >= stop.astype(narrow)
    if test.claim_high is not None:
        ended &= total <= (t - stop).astype(narrow)
        ended |= total >= np.clip(test.claim_high[rows], -1, t + 1).astype(narrow)
    ended |= total <= np.clip(test.claim[rows], -1, t + 1).astype(narrow)
    return ended, total
