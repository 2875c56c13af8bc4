from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from taggant.auditing.instance import replay
from taggant.auditing.readings import Readings
from taggant.auditing.unlearning import auc, auc_row, group_rates, groups, share_exceeding
from taggant.stats import clopper_pearson, rank, two_sided


def test_groups_are_disjoint_and_an_empty_one_is_left_out():
    used = np.array([True, True, True, False])
    some = groups(used, np.array([True, False, False, False]))
    assert {name: mask.tolist() for name, mask in some.items()} == {
        "forgotten": [True, False, False, False],
        "retained": [False, True, True, False],
        "unused": [False, False, False, True],
    }
    assert set(groups(used, used)) == {"forgotten", "unused"}


def test_rates_tell_the_sides_apart():
    n = 40
    first, last, middle = np.zeros(n - 1, bool), np.ones(n - 1, bool), np.arange(n - 1) % 2 == 0
    bits = np.stack([first, last, last, middle])
    readings = Readings(bits, np.zeros_like(bits), np.full(4, n - 1), n, 0.0, 0)
    members = {"forgotten": np.array([True] * 3 + [False]), "unused": np.arange(4) == 3}
    one = group_rates(replay(rank(n, 0.1), readings), members)
    both = group_rates(replay(two_sided(rank, n, 0.1), readings), members, "_two_sided")
    assert one["forgotten"] == 3
    assert one["forgotten_rate"] == pytest.approx(1 / 3)
    assert both["forgotten_rate_two_sided"] == 1
    assert both["forgotten_over_rate_two_sided"] == pytest.approx(2 / 3)
    assert both["unused_rate_two_sided"] == 0
    interval = clopper_pearson(1, 3)
    assert one["forgotten_rate_ci"] == [interval.low, interval.high]
    assert share_exceeding(readings).round(2).tolist() == [0, 1, 1, 0.51]


def test_the_area_is_that_of_scikit_learn_and_its_error_that_of_a_simulation():
    random = np.random.default_rng(0)
    member, other = random.normal(0.7, 1, 60).round(1), random.normal(0, 1, 80).round(1)
    area, error = auc(member, other)
    truth = np.r_[np.ones(60), np.zeros(80)]
    assert area == pytest.approx(roc_auc_score(truth, np.r_[member, other]))
    drawn = [auc(random.normal(0.7, 1, 60), random.normal(0, 1, 80))[0] for _ in range(400)]
    assert error == pytest.approx(np.std(drawn), rel=0.15)
    low, high = auc_row("auc", member, other)["auc_ci"]
    assert low < area < high
