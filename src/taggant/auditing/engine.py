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

from taggant.auditing.plan import Plan
from taggant.auditing.published import AuditError, check_published
from taggant.auditing.questions import Questions
from taggant.auditing.readings import Readings
from taggant.auditing.state import State
from taggant.marking.instances import Instances
from taggant.score import AnyOracle, Score
from taggant.stats import Boundary

PATIENCE = 2
"""Times that a published version's answer may move before all its hidden versions are read."""
Ints = NDArray[np.int64]

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
        A reading of the same model, score, instances and shard to go on from. If it has a fault,
        it is returned as it is. If its device, its grid or its views differ from this one's, all
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
            plan = Plan.of_reading(questions, until, block, shard, scores)
            return _Reader(plan, progress).run(earlier)
        except torch.OutOfMemoryError:  # noqa: PERF203 - the loop is for this
            for asked in (oracle, *(reference for reference, _ in score.references)):
                _halve(asked)


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

    def __init__(self, plan: Plan, progress: Progress | None) -> None:
        self.plan, self.progress = plan, progress
        self.state = State(plan)

    def run(self, earlier: Readings | None) -> Readings:
        plan, state = self.plan, self.state
        if earlier is not None and plan.continues(earlier):
            state.resume(earlier)
        waiting = [i for i in plan.mine if not state.done(i)][::-1]
        controls, ended = plan.questions.controls, False
        while controls.fault is None and (waiting or state.slots.busy.any()):
            fresh = self._admit(waiting)
            ended = self._round(fresh, bool(waiting))
            if self.progress is not None:
                unfinished = len(waiting) + int(state.slots.busy.sum())
                self.progress(len(plan.mine) - unfinished, plan.questions.queries)
        if controls.fault is None:
            if not ended:
                plan.questions.ask_last()
            state.spread.judge(controls, state.own[:, 0])
        return state.readings()

    def _admit(self, waiting: list[int]) -> Ints:
        """Fill free slots; the new instances' published versions are asked in the next round."""
        slots = self.state.slots
        fresh = slots.free()[: len(waiting)]
        for slot in fresh:
            slots.take(slot, waiting.pop())
        return np.array(fresh, np.int64)

    def _round(self, fresh: Ints, more: bool) -> bool:
        """Ask the next block of every instance in flight, or its published version again.

        Whether the controls were asked as for the last time: nothing was left to ask after them,
        unless a later answer leaves a test undecided.
        """
        held, plan = self.state.slots, self.plan
        slots = np.flatnonzero(held.busy & ~held.closing)
        instance = held.instance[slots]
        read = self.state.reads[instance]
        left = plan.n - 1 - read
        counts = np.minimum(left, plan.block)
        # Whatever a test says, an instance of which all is read now is asked once more.
        closing = np.concatenate([np.flatnonzero(held.busy & held.closing), slots[counts == left]])
        last = not more and len(closing) == held.busy.sum()
        other = len(fresh) + len(closing)
        controls = plan.questions.controls_due(last)
        counts = filled(counts, left, plan.questions.spare(counts.sum() + other + controls))
        hidden = held.hidden(slots, read, counts)
        exists = np.arange(hidden.shape[1]) < counts[:, None]
        first, again = held.instance[fresh], held.instance[closing]
        parts = plan.questions.ask(
            (np.repeat(instance, counts), hidden[exists]),
            (first, plan.published[first]),
            (again, plan.published[again]),
            controls,
        )
        held.answer(fresh, parts[1])
        values = np.full(hidden.shape, -np.inf, np.float32)
        values[exists] = parts[0]
        self._take_in(slots, hidden, values, exists)
        self._close(closing, parts[2])
        return last

    def _take_in(
        self, slots: Ints, hidden: Ints, values: NDArray[np.float32], exists: NDArray[np.bool_]
    ) -> None:
        """Record a block up to the stop."""
        if len(slots) == 0:
            return
        state = self.state
        held, reads = state.slots, state.reads
        instance = held.instance[slots]
        bits, doubtful = held.compare(slots, hidden, values, self.plan.grid)
        counted: Ints = exists.sum(1)
        enough = np.zeros(len(slots), bool)
        if state.tests is not None:
            stop = state.tests.go_on(instance, reads[instance], bits, doubtful, exists)
            enough = (stop > 0) & (held.closed[slots] < PATIENCE)
            counted = np.where(enough, stop - reads[instance], counted)
        for row, (i, count) in enumerate(zip(instance, counted, strict=True)):
            state.record.add(i, bits[row, :count], doubtful[row, :count], values[row, :count])
        reads[instance] += counted
        held.closing[slots] = enough | (reads[instance] == self.plan.n - 1)
        state.spread.note(instance, values, held.first[slots], counted)

    def _close(self, slots: Ints, scores: NDArray[np.float32]) -> None:
        """Take in the published version's later answer. An instance leaves, unless it is another
        answer than before and leaves a test undecided."""
        held = self.state.slots
        widened = held.answer_again(slots, scores)
        for slot, moved, score in zip(slots, widened, scores, strict=True):
            instance = int(held.instance[slot])
            if moved:
                self._doubt(slot, instance)
            if self.state.done(instance):
                self.state.leave(slot, instance, score)

    def _doubt(self, slot: int, instance: int) -> None:
        """Judge what was read of an instance by all answers to its published version."""
        state = self.state
        scores = state.record.scores_of(instance)[None]
        doubtful = state.slots.doubtful(np.array([slot]), scores, self.plan.grid)[0]
        bits, doubtful = state.record.doubt(instance, doubtful)
        if state.tests is not None:
            who, reads = np.array([instance]), np.array([len(bits)])
            state.tests.start_over(who, bits[None], doubtful[None], reads)


def filled(counts: Ints, left: Ints, spare: int) -> Ints:
    """Versions to read of each instance when `spare` more cost nothing.

    Parameters
    ----------
    counts, left : int arrays [instances]
        Versions that would be read, and those that there are.
    spare : int
    """
    if spare == 0 or len(counts) == 0:
        return counts
    room = np.minimum(left - counts, -(-spare // len(counts)))
    more: Ints = np.clip(spare - (np.cumsum(room) - room), 0, room)
    return counts + more
