from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.conftest import random_set

from taggant.marking.ledger import Ledger
from taggant.marking.whole_set import count_of, marking_order


@pytest.mark.parametrize(
    ("share", "count"), [(0, 0), (0.0, 0), (7, 7), (0.05, 10), (1.0, 200), (1, 1), (0.5, 100)]
)
def test_a_share_is_a_count_or_a_fraction(share, count):
    assert count_of(share, 200, "marking.used") == count


@pytest.mark.parametrize("share", [-1, 201, 1.5, -0.1])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=r"marking.used = .* accepted are counts from 0 to 200"):
        count_of(share, 200, "marking.used")


def test_a_balanced_prefix_has_each_class_alike():
    data = random_set(400, classes=4)
    order = marking_order(data, True, 3)
    assert sorted(order) == list(range(400))
    labels = data.labels.numpy()[order]
    sizes = np.bincount(labels)
    for count in (40, 200):
        assert np.abs(np.bincount(labels[:count]) - sizes * count / 400).max() <= 1.5
    assert not np.array_equal(order, marking_order(data, True, 4))
    assert sorted(marking_order(data, False, 3)) == list(range(400))


def test_balancing_needs_labels():
    bare = dataclasses.replace(random_set(8), labels=None, captions=("c",) * 8)
    with pytest.raises(ValueError, match="balanced"):
        marking_order(bare, True, 0)


def test_one_index_for_the_whole_set_is_uniform_over_owners():
    drawn = []
    for owner in range(300):
        key = owner.to_bytes(32, "big")
        ledger = Ledger.draw(key, "c", {}, 5, ["a", "b", "c"], ["", "", ""], together=True)
        assert len(set(ledger.published)) == 1
        drawn.append(ledger.published[0])
    assert np.bincount(drawn, minlength=5).min() > 35
