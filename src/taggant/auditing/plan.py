"""What a reading asks, fixed before its first question about a version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taggant.auditing.questions import Questions
from taggant.auditing.readings import Readings
from taggant.marking.draws import Draws
from taggant.marking.stream import SHAKE, rule_of
from taggant.stats import Boundary

ROUND = 8
"""Batches of a round, about."""
ORDER_MEMORY = 64 << 20
"""Bytes that the reading orders of the instances in flight may take together, where they are drawn
as a whole: by the first rule."""


@dataclass(frozen=True)
class Plan:
    """A reading: which instances, how many at once, until when.

    Attributes
    ----------
    questions : Questions
    until : sequence of Boundary or None
        Tests to serve; None reads every hidden version.
    shard : (int, int)
        (i, k): every k-th instance, from the i-th on.
    published : int array [N]
        Index J of each instance.
    in_flight : int
        Instances that are read side by side.
    block : int
        Hidden versions of an instance that are asked in one round.
    scores : bool
        Whether the scores are returned beside the bits.
    """

    questions: Questions
    until: Sequence[Boundary] | None
    shard: tuple[int, int]
    published: NDArray[np.int64]
    in_flight: int
    block: int
    scores: bool

    @classmethod
    def of_reading(
        cls,
        questions: Questions,
        until: Sequence[Boundary] | None,
        block: int,
        shard: tuple[int, int],
        scores: bool,
    ) -> Plan:
        """The plan of a call of `taggant.auditing.engine.read`, whose arguments these are."""
        instances, n = questions.instances, questions.instances.scheme.n
        mine = range(shard[0], len(instances.raw), shard[1])
        # Rounds of whole batches, but for some room for published versions.
        batch_size, views = questions.oracle.batch_size, questions.score.views
        rows = ROUND * batch_size - batch_size // 8
        cached = instances.scheme.cache_capacity(instances.raw.images[0])
        in_flight = max(1, min(rows // block, len(mine), cached))
        if any(rule_of(own.secret) == SHAKE for own in instances.draws):
            in_flight = max(1, min(in_flight, ORDER_MEMORY // (8 * n)))
        whole = 0 if until is not None else rows // (in_flight * views)
        published = instances.ledger.indices(instances.raw.ids)
        longest = min(max(block, whole), n)
        return cls(questions, until, shard, published, in_flight, longest, scores)

    @property
    def n(self) -> int:
        """Versions of an instance."""
        return self.questions.instances.scheme.n

    @property
    def mine(self) -> range:
        """The shard's instances."""
        return range(self.shard[0], len(self.published), self.shard[1])

    @property
    def draws(self) -> tuple[Draws, ...]:
        """What was drawn for each instance."""
        return self.questions.instances.draws

    @property
    def grid(self) -> float:
        """Scores are rounded to multiples of this before they are compared."""
        return self.questions.controls.grid

    @property
    def device(self) -> str:
        """Where the model answers."""
        return str(self.questions.oracle.device.type)

    def continues(self, earlier: Readings) -> bool:
        """Whether an earlier reading compared the same scores, so that its bits can be kept."""
        chosen = self.questions.chosen
        same = (earlier.grid, earlier.device) == (self.grid, self.device)
        if chosen is None or earlier.chosen is None:
            return same and chosen is None
        return same and np.array_equal(chosen, earlier.chosen)
