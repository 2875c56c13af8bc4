import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from taggant import stats


def exceedances_of_each(scores, keys):
    """T for every choice of the published version; keys fixed."""
    n = len(scores)
    hidden = np.array([np.delete(np.arange(n), j) for j in range(n)])
    return stats.exceedances(scores, scores[hidden], keys, keys[hidden])


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_size_is_exact_for_every_tie_pattern(n):
    """Every pattern of ties, every order of keys, every published index: T is uniform."""
    for cuts in product([0, 1], repeat=n - 1):
        scores = np.concatenate([[0], np.cumsum(cuts)]).astype(float)
        totals = []
        for keys in permutations(range(n)):
            totals.append(exceedances_of_each(scores, np.array(keys, float)).sum(axis=1))
            # a fixed key order is a strict order: T is a permutation of 0..n-1 over J
            assert sorted(totals[-1]) == list(range(n))
        counts = np.bincount(np.concatenate(totals), minlength=n)
        assert np.all(counts == math.factorial(n))


@pytest.mark.parametrize("n", [4, 5])
def test_sequential_size_is_exact_with_ties(n):
    """All reading orders too: stopped tests keep their size under every tie pattern."""
    boundary = stats.besag_clifford(n, 0.5, h=1)
    for cuts in product([0, 1], repeat=n - 1):
        scores = np.concatenate([[0], np.cumsum(cuts)]).astype(float)
        orders = np.array(list(permutations(range(n))))  # published first, then reading order
        claims = []
        for keys in permutations(range(n)):
            k = np.array(keys, float)[orders]
            s = scores[orders]
            bits = stats.exceedances(s[:, 0], s[:, 1:], k[:, 0], k[:, 1:])
            claims.append(boundary.run(bits).claim.mean())
        assert np.mean(claims) == pytest.approx(boundary.size(), abs=1e-12)


@pytest.mark.parametrize("percent", [1, 8, 30, 70, 100])
def test_label_only_scores(percent):
    """n = 1000, a share tied at the top: keys give size .05, a fresh coin does not."""
    n, tied = 1000, 10 * percent
    scores = np.where(np.arange(n) < tied, 1.0, 0.0)
    totals = exceedances_of_each(scores, np.random.default_rng(percent).random(n)).sum(axis=1)
    assert sorted(totals) == list(range(n))
    assert np.mean(totals + 1 <= 50) == 0.05

    coin = tied / n * binom.cdf(49, tied - 1, 0.5)  # T is binomial within the tie
    low = binom.cdf(49 - tied, n - tied - 1, 0.5) if tied <= 49 else 0.0
    coin += (1 - tied / n) * low
    if percent == 8:
        assert coin == pytest.approx(0.078, abs=0.0011)
    assert coin != pytest.approx(0.05, abs=0.005)


@settings(deadline=None)
@given(scores=st.lists(st.integers(0, 3), min_size=2, max_size=12), seed=st.integers(0, 2**32 - 1))
def test_relabelling_the_versions_changes_nothing(scores, seed):
    rng = np.random.default_rng(seed)
    values, keys = np.array(scores, float), rng.random(len(scores))
    before = exceedances_of_each(values, keys).sum(axis=1)
    order = rng.permutation(len(scores))
    after = exceedances_of_each(values[order], keys[order]).sum(axis=1)
    np.testing.assert_array_equal(before[order], after)
    # only the order of scores counts, not their scale
    np.testing.assert_array_equal(exceedances_of_each(np.exp(values), keys).sum(axis=1), before)


def test_exceedances_refuse_what_they_cannot_compare():
    with pytest.raises(ValueError, match="NaN"):
        stats.exceedances([np.nan], [[1.0]], [0.5], [[0.5]])
    with pytest.raises(ValueError, match="accepted are"):
        stats.exceedances([1.0], [[1.0, 2.0]], [0.5], [[0.5]])


def test_the_rank_counts_sets_with_a_larger_mean():
    scores = np.array([[0.0, 1.0], [4.0, 4.0], [3.0, 0.0], [-1.0, 0.0]])
    assert [stats.rank_of_set(scores, j, 0).exceedances for j in range(4)] == [2, 0, 1, 3]
    assert stats.rank_of_set(scores, 1, 0).p_value == 1 / 4


def test_ties_go_to_keys_that_do_not_depend_on_the_published_set():
    ranks = [stats.rank_of_set(np.ones((6, 3)), j, 1).exceedances for j in range(6)]
    assert sorted(ranks) == list(range(6))


def test_exact_under_the_null():
    """Whatever the scores, a uniform published set has a uniform rank."""
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(1000):
        scores = np.round(rng.exponential(size=(20, 3)) * rng.integers(1, 5, size=(20, 1)), 1)
        hits += stats.rank_of_set(scores, int(rng.integers(20)), trial).p_value <= 0.1
    assert binomtest(hits, 1000, 0.1).pvalue > 0.01


def test_rank_of_set_refuses_what_it_cannot_rank():
    with pytest.raises(ValueError, match="accepted are finite"):
        stats.rank_of_set(np.ones((1, 3)), 0, 0)
    with pytest.raises(ValueError, match=r"accepted are integers 0\.\.1"):
        stats.rank_of_set(np.ones((2, 3)), 2, 0)


@pytest.mark.parametrize(("m", "n"), [(1, 7), (2, 5), (4, 6), (9, 2), (3, 100)])
def test_rank_sum_is_the_exact_convolution(m, n):
    counts = [1]
    for _ in range(m):  # integers
        counts = [sum(counts[max(0, k - n + 1) : k + 1]) for k in range(len(counts) + n - 1)]
    below = np.cumsum(np.array(counts, dtype=object))
    for total in range(0, m * (n - 1) + 1, max(1, m * (n - 1) // 11)):
        parts = np.full(m, total // m)
        parts[: total % m] += 1
        assert np.exp(stats.rank_sum(parts, n)) == pytest.approx(below[total] / n**m, rel=1e-10)


def test_rank_sum_is_accurate_far_in_the_tail():
    assert stats.rank_sum(np.zeros(200, int), 1000) == pytest.approx(-200 * np.log(1000))
    one = np.zeros(200, int)
    one[0] = 1
    expected = np.log(201) - 200 * np.log(1000)
    assert stats.rank_sum(one, 1000) == pytest.approx(expected, rel=1e-10)


def test_rank_sum_of_twins_is_the_sign_test():
    totals = np.r_[np.zeros(61, int), np.ones(39, int)]
    assert np.exp(stats.rank_sum(totals, 2)) == pytest.approx(binom.cdf(39, 100, 0.5), rel=1e-10)


def test_randomised_p_values_are_uniform_given_uniform_totals():
    p = stats.randomised_p_values(np.repeat(np.arange(10), 500), 10, np.random.default_rng(0))
    grid = np.linspace(0.05, 0.95, 19)
    assert np.abs((p[:, None] <= grid).mean(axis=0) - grid).max() < 0.02
    with pytest.raises(ValueError, match=r"0\.\.9"):
        stats.randomised_p_values([10], 10, np.random.default_rng(0))
    for totals in ([], [[1]], 3):
        with pytest.raises(ValueError, match="totals of shape"):
            stats.rank_sum(totals, 10)
    with pytest.raises(ValueError, match=r"got 0\.5"):
        stats.rank_sum([0.5], 10)
