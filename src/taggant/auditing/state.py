"""What a reading has read so far."""

from __future__ import annotations

import numpy as np

from taggant.auditing.plan import Plan
from taggant.auditing.readings import Readings
from taggant.auditing.slots import Record, Slots, Tests
from taggant.auditing.spread import Spread


class State:
    """Instances in flight, where each test stands, and what was read, [N] instances.

    Attributes
    ----------
    slots : Slots
    tests : Tests or None
    reads : int array [N]
        Hidden versions read of each instance.
    own : float32 array [N, 3]
        First, least and largest score of the published version of each finished instance.
    record : Record
    spread : Spread
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        count = len(plan.published)
        self.slots = Slots(plan.draws, plan.published, plan.in_flight)
        self.tests = None if plan.until is None else Tests(plan.until, count)
        self.reads = np.zeros(count, np.int64)
        self.own = np.zeros((count, 3), np.float32)
        self.record, self.spread = Record(count), Spread(count)
        self._queries = self._controls = 0  # those of an earlier reading

    def resume(self, earlier: Readings) -> None:
        """Take over recorded bits, and where each test stopped on them."""
        mine = np.array(self._plan.mine)
        self.reads[mine] = earlier.reads
        self._queries, self._controls = earlier.queries, earlier.controls
        for row, (i, reads) in enumerate(zip(mine, earlier.reads, strict=True)):
            self.record.add(i, earlier.bits[row, :reads], earlier.doubtful[row, :reads])
        if self.tests is not None:
            self.tests.start_over(mine, earlier.bits, earlier.doubtful, earlier.reads)

    def done(self, instance: int) -> bool:
        """Whether no more need be read of an instance."""
        if self.reads[instance] == self._plan.n - 1:
            return True
        return self.tests is not None and bool(self.tests.done(np.array([instance]))[0])

    def leave(self, slot: int, instance: int, score: float) -> None:
        """Free the slot of a finished instance; `score` is its published version's last."""
        self.slots.leave(slot)
        self.own[instance] = self.slots.range_of(slot)
        self.spread.moved(instance, score - self.slots.first[slot])
        if not self._plan.scores:
            self.record.forget_scores(instance)

    def readings(self) -> Readings:
        """All that was read."""
        plan, questions = self._plan, self._plan.questions
        mine = list(plan.mine)
        bits, doubtful, scores = self.record.table(mine)
        return Readings(
            bits=bits,
            doubtful=doubtful,
            reads=self.reads[mine],
            n=plan.n,
            grid=plan.grid,
            queries=self._queries + questions.queries,
            shard=plan.shard,
            device=plan.device,
            controls=self._controls + questions.asked_again,
            fault=questions.controls.fault,
            chosen=questions.chosen,
            scores=np.concatenate([self.own[mine], scores], axis=1) if plan.scores else None,
        )
