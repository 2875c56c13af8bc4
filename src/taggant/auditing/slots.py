"""Instances that are being read, and where each test stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from taggant.auditing.comparison import compared, in_doubt, paths
from taggant.marking.draws import Draws, Order, draw_ahead, tie_keys_of
from taggant.stats import Boundary

Kind = TypeVar("Kind", bound=np.generic)
Bits = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Slots:
    """Reading orders and published answers of the instances in flight.

    Attributes
    ----------
    busy : bool array [S]
    closing : bool array [S]
        Enough was read; the published version is to be asked once more.
    closed : int array [S]
        How often it was.
    instance : int array [S]
    order : dict of int to Order
        Of the busy slots.
    first, least, largest : float32 arrays [S]
        The published version's first score, and the range of all of them.
    """

    def __init__(self, draws: Sequence[Draws], published: Ints, count: int) -> None:
        self._draws, self._published = draws, published
        self.busy, self.closing = np.zeros((2, count), bool)
        self.closed, self.instance = np.zeros((2, count), np.int64)
        self.order: dict[int, Order] = {}
        self.first, self.least, self.largest = np.zeros((3, count), np.float32)

    def free(self) -> list[int]:
        return [int(slot) for slot in np.flatnonzero(~self.busy)]

    def take(self, slot: int, instance: int) -> None:
        self.busy[slot], self.closing[slot], self.closed[slot] = True, False, 0
        self.instance[slot] = instance
        self.order[slot] = self._draws[instance].reading(int(self._published[instance]))

    def leave(self, slot: int) -> None:
        self.busy[slot] = False
        del self.order[slot]

    def hidden(self, slots: Ints, first: Ints, counts: Ints) -> Ints:
        """Versions at the next `counts` places of the reading orders, [slots, B]; 0 beyond them."""
        orders = [self.order[slot] for slot in slots.tolist()]
        draw_ahead(orders, first + counts)
        found = np.zeros((len(slots), int(counts.max(initial=0))), np.int64)
        for row, order, start, count in zip(found, orders, first, counts, strict=True):
            row[:count] = order.at(start, start + count)
        return found

    def answer(self, slots: Ints, scores: Floats) -> None:
        """First scores of published versions."""
        self.first[slots] = self.least[slots] = self.largest[slots] = scores

    def answer_again(self, slots: Ints, scores: Floats) -> Bits:
        """Scores of published versions asked again; whether they widened the range, [slots]."""
        self.closing[slots] = False
        self.closed[slots] += 1
        widened: Bits = (scores < self.least[slots]) | (scores > self.largest[slots])
        self.least[slots] = np.minimum(self.least[slots], scores)
        self.largest[slots] = np.maximum(self.largest[slots], scores)
        return widened

    def range_of(self, slot: int) -> list[np.float32]:
        """First, least and largest score of the published version."""
        return [self.first[slot], self.least[slot], self.largest[slot]]

    def compare(self, slots: Ints, hidden: Ints, scores: Floats, grid: float) -> tuple[Bits, Bits]:
        """Exceedances and doubtful comparisons of hidden versions [slots, B]."""
        own = self.first[slots, None]
        bits, tied = compared(scores, own, grid)
        rows, columns = np.nonzero(tied)
        if len(rows):
            instance = self.instance[slots[rows]]
            who = [self._draws[i] for i in instance]
            theirs = tie_keys_of(who, hidden[rows, columns])
            bits[rows, columns] = theirs > tie_keys_of(who, self._published[instance])
        return bits, self.doubtful(slots, scores, grid)

    def doubtful(self, slots: Ints, scores: Floats, grid: float) -> Bits:
        """Doubtful comparisons [slots, B]."""
        return in_doubt(scores, self.least[slots, None], self.largest[slots, None], grid)


class Tests:
    """When each of several tests stopped on each of its paths, for every instance (0: not yet)."""

    def __init__(self, tests: Sequence[Boundary], count: int) -> None:
        self.tests = tests
        nothing = np.zeros((1, 0), bool)
        self.runs = [test for test in tests for _ in paths(nothing, nothing, test)]
        self.stopped = np.zeros((count, len(self.runs)), np.int64)
        self.exceeded = np.zeros((count, len(self.runs)), np.int64)

    def done(self, instance: Ints) -> Bits:
        return np.asarray((self.stopped[instance] > 0).all(1))

    def go_on(self, instance: Ints, read: Ints, bits: Bits, doubtful: Bits, exists: Bits) -> Ints:
        """Read a block [instances, B]; versions read when the last test stopped, 0 where not yet.

        Parameters
        ----------
        instance, read : int arrays [instances]
            Which, and hidden versions read of them before.
        bits, doubtful, exists : bool arrays [instances, B]
            Of the block; versions that there are not exceed in no path.
        """
        times = read[:, None] + 1 + np.arange(bits.shape[1])
        every = [path for test in self.tests for path in paths(bits, doubtful, test)]
        for column, (test, path) in enumerate(zip(self.runs, every, strict=True)):
            before = self.exceeded[instance, column]
            total = before[:, None] + np.cumsum(path & exists, axis=1)
            hit = test.outcome(np.minimum(times, test.n - 1), total)[0] & exists
            first = np.take_along_axis(times, hit.argmax(1)[:, None], 1)[:, 0]
            fresh = hit.any(1) & (self.stopped[instance, column] == 0)
            self.stopped[instance[fresh], column] = first[fresh]
            self.exceeded[instance, column] = total[:, -1]
        return np.where(self.done(instance), self.stopped[instance].max(1), 0)

    def start_over(self, instance: Ints, bits: Bits, doubtful: Bits, reads: Ints) -> None:
        """Run the tests anew on all that was read of some instances [instances, D]."""
        self.stopped[instance] = self.exceeded[instance] = 0
        if bits.shape[1]:
            exists = np.arange(bits.shape[1]) < reads[:, None]
            self.go_on(instance, np.zeros(len(reads), np.int64), bits, doubtful, exists)


class Record:
    """What was read of each instance, block by block."""

    def __init__(self, count: int) -> None:
        self.bits: list[list[Bits]] = [[] for _ in range(count)]
        self.doubtful: list[list[Bits]] = [[] for _ in range(count)]
        self.scores: list[list[Floats]] = [[] for _ in range(count)]

    def add(self, instance: int, bits: Bits, doubtful: Bits, scores: Floats | None = None) -> None:
        """Append a block; `scores` are those of this reading, and none of an earlier one."""
        self.bits[instance].append(bits)
        self.doubtful[instance].append(doubtful)
        if scores is not None:
            self.scores[instance].append(scores)

    def scores_of(self, instance: int) -> Floats:
        """Scores of this reading, [columns]."""
        return _joined(self.scores[instance], np.float32)

    def doubt(self, instance: int, doubtful: Bits) -> tuple[Bits, Bits]:
        """Judge this reading's comparisons anew; all bits and doubts of the instance [columns]."""
        bits = _joined(self.bits[instance], np.bool_)
        before = _joined(self.doubtful[instance], np.bool_)[: len(bits) - len(doubtful)]
        self.doubtful[instance] = [before, doubtful]
        return bits, np.concatenate([before, doubtful])

    def forget_scores(self, instance: int) -> None:
        self.scores[instance] = []

    def table(self, rows: Sequence[int]) -> tuple[Bits, Bits, Floats]:
        """Bits, doubts and scores [rows, D] of some instances, padded."""
        bits = [_joined(self.bits[i], np.bool_) for i in rows]
        doubtful = [_joined(self.doubtful[i], np.bool_) for i in rows]
        scores = [self.scores_of(i) for i in rows]
        return _padded(bits, np.bool_), _padded(doubtful, np.bool_), _padded(scores, np.float32)


def _joined(parts: Sequence[NDArray[Kind]], kind: type[Kind]) -> NDArray[Kind]:
    return np.concatenate([np.zeros(0, kind), *parts])


def _padded(rows: Sequence[NDArray[Kind]], kind: type[Kind]) -> NDArray[Kind]:
    """Ragged rows as one array; a shard may have none."""
    table = np.zeros((len(rows), max(map(len, rows), default=0)), kind)
    for line, row in zip(table, rows, strict=True):
        line[: len(row)] = row
    return table
