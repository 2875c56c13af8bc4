from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from taggant.audit.carrier_sets import loss_gap, rank_of_set


def test_the_rank_counts_sets_with_a_larger_mean():
    scores = np.array([[0.0, 1.0], [4.0, 4.0], [3.0, 0.0], [-1.0, 0.0]])
    assert [rank_of_set(scores, j, 0).exceedances for j in range(4)] == [2, 0, 1, 3]
    assert rank_of_set(scores, 1, 0).p_value == 1 / 4


def test_ties_go_to_keys_that_do_not_depend_on_the_published_set():
    ranks = [rank_of_set(np.ones((6, 3)), j, 1).exceedances for j in range(6)]
    assert sorted(ranks) == list(range(6))


def test_exact_under_the_null():
    """Whatever the scores, a uniform published set has a uniform rank."""
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(1000):
        scores = np.round(rng.exponential(size=(20, 3)) * rng.integers(1, 5, size=(20, 1)), 1)
        hits += rank_of_set(scores, int(rng.integers(20)), trial).p_value <= 0.1
    assert binomtest(hits, 1000, 0.1).pvalue > 0.01


def test_loss_gap():
    gap, (low, high) = loss_gap([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert gap == 0
    assert high == -low == pytest.approx(1.959964 / np.sqrt(3))


def test_errors():
    with pytest.raises(ValueError, match="accepted are finite"):
        rank_of_set(np.ones((1, 3)), 0, 0)
    with pytest.raises(ValueError, match=r"accepted are 0\.\.1"):
        rank_of_set(np.ones((2, 3)), 2, 0)
