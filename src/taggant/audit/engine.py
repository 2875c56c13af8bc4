"""The audit engine: exceedance bits of many instances, read in large batches.

A hidden version *exceeds* when its score is larger than the published version's. Hidden versions
are read in a random order of each instance's own; the bits in that order are all that a
sequential test needs, so tests are replayed on them without the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.audit.published import AuditError, check_published
from taggant.audit.questions import Questions
from taggant.audit.readings import Readings
from taggant.audit.slots import Record, Slots, Tests
from taggant.audit.spread import Spread
from taggant.marking.instances import Instances
from taggant.score import AnyOracle, Score
from taggant.stats import Boundary

ROUND = 8
"""Batches of a round, about."""
PATIENCE = 2
"""Times that a published version's answer may move before all its hidden versions are read."""
ORDER_MEMORY = 64 << 20
"""Bytes that the reading orders and tie keys of the instances in flight may take together."""

Progress = Callable[[int, int], None]
"""Called after each round with (instances finished so far, queries so far)."""


def read(
    oracle: AnyOracle,
    score: Score,
    instances: Instances,
    until: Sequence[Boundary] | None = None,
    block: int = 16,
    progress: Progress | None = None,
    shard: tuple[int, int] = (0, 1),
    earlier: Readings | None = None,
    targets: Tensor | None = None,
    scores: bool = False,
) -> Readings:
    """Read hidden versions until every test has stopped.

    Parameters
    ----------
    oracle, score
        The model's answers, and how they become one number.
    instances : Instances
        Marked instances, used and unused alike. Reading orders, tie keys, views, and the engine's
        own shuffles follow from their secrets: the same call reads the same bits.
    until : sequence of Boundary, optional
        Tests to serve; without, all hidden versions are read.
    block : int
        Hidden versions of one instance read ahead per round. Decisions do not depend on it.
    progress : callable, optional
        Told after each round.
    shard : (int, int)
        (i, k): read only every k-th instance, from the i-th on.
    earlier : Readings, optional
        A reading of the same model, score, instances and shard to go on from; a void one is the
        answer itself. Where its device, its grid or its views differ from this one's, everything
        is read anew: bits of different scores do not mix.
    targets : Tensor [N, ...], optional
        What the score compares each instance's answers with, the same for all its versions; the
        victim's ``targets`` of the raw images. Default: the labels.
    scores : bool
        Return the scores beside the bits; not together with `earlier`, which has none.

    Raises
    ------
    AuditError
        If the published images cannot be made again, or one image alone is too large for the
        device. A batch that is too large is halved, with a warning.
    ValueError
        Without targets for instances that have no labels, for targets that are not one per
        instance, or for a block < 1.
    """
    if block < 1:
        raise ValueError(f"audit.block = {block}: accepted are 1, 2, 3, ...")
    targets = instances.raw.labels if targets is None else targets
    if targets is None:
        raise ValueError(f"{instances.raw.name} has no labels: an audit needs the victim's targets")
    if len(targets) != len(instances.raw):
        raise ValueError(
            f"{len(targets)} targets for {len(instances.raw)} instances: all versions of an "
            "instance are compared with the same one"
        )
    device = check_published(instances)
    if earlier is not None and earlier.fault is not None:
        return earlier
    while True:
        try:
            questions = Questions(oracle, score, instances, targets, device, shard)
            reader = _Reader(questions, until, block, progress, shard, scores)
            return reader.run(earlier)
        except torch.OutOfMemoryError:  # noqa: PERF203 - the loop is for this
            _halve(oracle)


def _halve(oracle: AnyOracle) -> None:
    """Ask for fewer images at once. A reading starts over: it mixes no two forward shapes."""
    if oracle.batch_size == 1:
        raise AuditError(f"a single image does not fit into the memory of {oracle.device}")
    oracle.batch_size //= 2
    warnings.warn(
        f"{oracle.device} is out of memory: the audit starts over with audit.batch_size = "
        f"{oracle.batch_size}",
        stacklevel=3,
    )
    if oracle.device.type == "cuda":
        torch.cuda.empty_cache()


class _Reader:
    """One call of `read`. Rows are (instance, version) pairs; instances in flight hold a slot."""

    def __init__(
        self,
        questions: Questions,
        until: Sequence[Boundary] | None,
        block: int,
        progress: Progress | None,
        shard: tuple[int, int],
        scores: bool,
    ) -> None:
        instances = questions.instances
        count, self.n = len(instances.raw), instances.scheme.n
        self.questions, self.draws, self.progress = questions, instances.draws, progress
        self.grid, self.with_scores = questions.controls.grid, scores
        self.mine, self.shard = range(shard[0], count, shard[1]), shard
        self.tests = None if until is None else Tests(until, count)
        self.published = instances.ledger.indices(instances.raw.ids)
        # Rounds of whole batches, but for some room for published versions: what a batch lacks is
        # padded, and costs as much.
        batch_size, views = questions.oracle.batch_size, questions.score.views
        rows = ROUND * batch_size - batch_size // 8
        held = instances.scheme.cache_capacity(instances.raw.images[0])
        most = min(ORDER_MEMORY // (12 * self.n), rows // block, len(self.mine), held)
        in_flight = max(1, most)
        self.slots = Slots(in_flight, self.n)
        all_of_it = 0 if until is not None else rows // (in_flight * views)
        self.block = min(max(block, all_of_it), self.n)
        self.read = np.zeros(count, np.int64)
        self.record = Record(count)
        self.own = np.zeros((count, 3), np.float32)
        self.spread = Spread(count)
        self.recorded = self.recorded_controls = 0

    def run(self, earlier: Readings | None) -> Readings:
        if earlier is not None and self._continues(earlier):
            self._resume(earlier)
        waiting = [i for i in self.mine if not self._done(i)][::-1]
        controls = self.questions.controls
        while controls.fault is None and (waiting or self.slots.busy.any()):
            self._round(self._admit(waiting))
            if self.progress is not None:
                free = len(waiting) + int(self.slots.busy.sum())
                self.progress(len(self.mine) - free, self.questions.queries)
        if controls.fault is None:
            self.questions.ask_last()
            self.spread.judge(controls, self.own[:, 0])
        return self._readings()

    def _continues(self, earlier: Readings) -> bool:
        """Whether bits of an earlier reading are of the same scores."""
        device, chosen = str(self.questions.oracle.device.type), self.questions.chosen
        same = (earlier.grid, earlier.device) == (self.grid, device)
        if chosen is None or earlier.chosen is None:
            return same and chosen is None
        return same and np.array_equal(chosen, earlier.chosen)

    def _resume(self, earlier: Readings) -> None:
        """Take over recorded bits, and where each test stopped on them."""
        mine = np.array(self.mine)
        self.read[mine] = earlier.reads
        self.recorded, self.recorded_controls = earlier.queries, earlier.controls
        for row, (i, reads) in enumerate(zip(self.mine, earlier.reads, strict=True)):
            self.record.add(i, earlier.bits[row, :reads], earlier.doubtful[row, :reads])
        if self.tests is not None:
            self.tests.start_over(mine, earlier.bits, earlier.doubtful, earlier.reads)

    def _done(self, instance: int) -> bool:
        if self.read[instance] == self.n - 1:
            return True
        return self.tests is not None and bool(self.tests.done(np.array([instance]))[0])

    def _admit(self, waiting: list[int]) -> NDArray[np.int64]:
        """Fill free slots; the new instances' published versions are asked in the next round."""
        fresh = self.slots.free()[: len(waiting)]
        for slot in fresh:
            instance = waiting.pop()
            own, j = self.draws[instance], self.published[instance]
            self.slots.take(slot, instance, own.order(j), own.tie_keys(), j)
        return np.array(fresh, np.int64)

    def _round(self, fresh: NDArray[np.int64]) -> None:
        """Ask the next block of every instance in flight, or its published version again."""
        slots = np.flatnonzero(self.slots.busy & ~self.slots.closing)
        closing = np.flatnonzero(self.slots.busy & self.slots.closing)
        instance = self.slots.instance[slots]
        column = self.read[instance][:, None] + np.arange(self.block)
        exists = column < self.n - 1
        hidden = self.slots.order[slots[:, None], np.minimum(column, self.n - 2)]
        first, again = self.slots.instance[fresh], self.slots.instance[closing]
        parts = self.questions.ask(
            (np.repeat(instance, exists.sum(1)), hidden[exists]),
            (first, self.published[first]),
            (again, self.published[again]),
        )
        self.slots.answer(fresh, parts[1])
        values = np.full(hidden.shape, -np.inf, np.float32)
        values[exists] = parts[0]
        self._take_in(slots, hidden, values, exists)
        self._close(closing, parts[2])

    def _take_in(
        self,
        slots: NDArray[np.int64],
        hidden: NDArray[np.int64],
        values: NDArray[np.float32],
        exists: NDArray[np.bool_],
    ) -> None:
        """Record a block up to the stop."""
        instance = self.slots.instance[slots]
        bits, doubtful = self.slots.compare(slots, hidden, values, self.grid)
        kept: NDArray[np.int64] = exists.sum(1)
        enough = np.zeros(len(slots), bool)
        if self.tests is not None:
            stop = self.tests.go_on(instance, self.read[instance], bits, doubtful, exists)
            enough = (stop > 0) & (self.slots.closed[slots] < PATIENCE)
            kept = np.where(enough, stop - self.read[instance], kept)
        for row, (i, count) in enumerate(zip(instance, kept, strict=True)):
            self.record.add(i, bits[row, :count], doubtful[row, :count], values[row, :count])
        self.read[instance] += kept
        self.slots.closing[slots] = enough | (self.read[instance] == self.n - 1)
        self.spread.note(instance, values, self.slots.first[slots], kept)

    def _close(self, slots: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        """Take in the published version's later answer. An instance leaves, unless it is another
        answer than before and leaves a test undecided."""
        widened = self.slots.answer_again(slots, scores)
        for slot, moved, score in zip(slots, widened, scores, strict=True):
            instance = int(self.slots.instance[slot])
            if moved:
                self._doubt(slot, instance)
            if self._done(instance):
                self.slots.busy[slot] = False
                self.own[instance] = self.slots.range_of(slot)
                self.spread.moved(instance, score - self.slots.first[slot])
                if not self.with_scores:
                    self.record.forget_scores(instance)

    def _doubt(self, slot: int, instance: int) -> None:
        """Judge what was read of an instance by all answers to its published version."""
        scores = self.record.scores_of(instance)[None]
        doubtful = self.slots.doubtful(np.array([slot]), scores, self.grid)[0]
        bits, doubtful = self.record.doubt(instance, doubtful)
        if self.tests is not None:
            who, reads = np.array([instance]), np.array([len(bits)])
            self.tests.start_over(who, bits[None], doubtful[None], reads)

    def _readings(self) -> Readings:
        mine = list(self.mine)
        bits, doubtful, scores = self.record.table(mine)
        return Readings(
            bits,
            doubtful,
            self.read[mine],
            self.n,
            self.grid,
            self.recorded + self.questions.queries,
            self.shard,
            str(self.questions.oracle.device.type),
            self.recorded_controls + self.questions.asked_again,
            self.questions.controls.fault,
            self.questions.chosen,
            np.concatenate([self.own[mine], scores], axis=1) if self.with_scores else None,
        )
