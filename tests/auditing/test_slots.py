"""What the engine keeps of the instances in flight."""

from __future__ import annotations

import numpy as np
import pytest

from taggant.auditing.slots import Slots
from taggant.auditing.spread import Spread
from taggant.marking.draws import DERIVATIONS, Draws
from taggant.marking.stream import tagged


class Kept:
    """Controls that keep what they are told."""

    def settle(self, published, within):
        self.published, self.within = published, within

    def look(self, published, tied):
        self.first, self.tied = published, tied


def test_the_spread_within_images_is_that_of_what_was_read():
    random = np.random.default_rng(0)
    scores = random.normal([[5], [-2], [0]], [[1], [3], [2]], (3, 12)).astype(np.float32)
    own, kept = np.array([4, -3, 1], np.float32), np.array([12, 7, 3])
    spread, controls = Spread(4), Kept()
    for start in (0, 5):  # block by block
        block = scores[:, start : start + 7 if start else 5]
        spread.note(np.arange(3), block, own, np.clip(kept - start, 0, block.shape[1]))
    spread.judge(controls, np.arange(4, dtype=np.float32))
    assert not hasattr(controls, "within")  # none was asked again
    for k, move in enumerate((0.5, -0.25)):
        spread.moved(np.int64(k), move)
    spread.judge(controls, np.arange(4, dtype=np.float32))
    squares = [((scores[k, : kept[k]] - scores[k, : kept[k]].mean()) ** 2).sum() for k in (0, 1)]
    assert controls.within == pytest.approx(np.sqrt(sum(squares) / (11 + 6)), rel=1e-6)
    assert controls.published.tolist() == [0.5, -0.25]
    assert controls.first.tolist() == [0, 1]


def test_the_spread_of_one_version_and_of_equal_ones_is_none():
    spread, controls = Spread(2), Kept()
    spread.note(np.arange(2), np.array([[1.5, 9], [2, 2]]), np.array([1.0, 2]), np.array([1, 2]))
    spread.moved(np.int64(0), 0.0)
    spread.judge(controls, np.zeros(2))
    assert controls.within == 0
    spread.moved(np.int64(1), 0.0)
    spread.judge(controls, np.zeros(2))
    assert controls.within == 0
    assert controls.tied.tolist() == [
        False,
        True,
    ]  # the other is not real


def test_the_spread_of_two_versions_has_one_degree_of_freedom():
    spread, controls = Spread(1), Kept()
    spread.note(np.zeros(1, int), np.array([[1.0, 3]]), np.array([5.0]), np.array([2]))
    spread.moved(np.int64(0), 0.0)
    spread.judge(controls, np.zeros(1))
    assert controls.within == pytest.approx(np.std([1, 3], ddof=1))


def test_ties_are_of_what_is_kept_only():
    spread, controls = Spread(1), Kept()
    spread.note(np.zeros(1, int), np.array([[1.0, 7]]), np.array([1.0]), np.array([1]))
    spread.moved(np.int64(0), 0.0)
    spread.judge(controls, np.zeros(1))
    assert controls.tied.tolist() == [True]


@pytest.mark.parametrize("rule", DERIVATIONS)
def test_later_answers_widen_the_range_and_are_counted(rule):
    drawn = [Draws(tagged(bytes(32), rule), str(k), 5) for k in range(9)]
    published = np.array([one.index() for one in drawn])
    slots = Slots(drawn, published, 2)
    assert slots.free() == [0, 1]
    slots.take(1, 7)
    assert slots.free() == [0]
    one = np.array([1])
    slots.answer(one, np.array([0.5]))
    for score, widened, span in ((0.5, False, (0.5, 0.5)), (0.25, True, (0.25, 0.5))):
        slots.closing[1] = True
        assert slots.answer_again(one, np.array([score])).tolist() == [widened]
        assert not slots.closing[1]
        assert slots.range_of(1) == [0.5, *span]
    assert slots.answer_again(one, np.array([0.75])).tolist() == [True]
    assert slots.range_of(1) == [0.5, 0.25, 0.75]
    assert slots.closed.tolist() == [0, 3]
    hidden = slots.hidden(one, np.array([0]), np.array([4]))
    assert hidden.tolist() == [drawn[7].order(published[7]).tolist()]
    scores = np.array([[0.8, 0.5, 0.5, 0.5]])
    bits, doubtful = slots.compare(one, hidden, scores, 0.0)
    keys = drawn[7].tie_keys()  # which decide between equal ones
    assert bits.tolist() == [[True, *(keys[hidden[0, 1:]] > keys[published[7]])]]
    assert doubtful.tolist() == [[False, True, True, True]]
    slots.leave(1)
    assert slots.free() == [0, 1]
    slots.take(1, 8)
    assert slots.closed.tolist() == [0, 0]
