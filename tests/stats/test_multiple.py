import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, combine_pvalues, false_discovery_control

from taggant import stats

P_VALUES = st.lists(st.floats(1e-12, 1.0), min_size=1, max_size=30)


@settings(deadline=None)
@given(p=P_VALUES, q=st.sampled_from([0.01, 0.05, 0.2]))
def test_benjamini_hochberg_against_scipy(p, q):
    result = stats.benjamini_hochberg(p, q)
    np.testing.assert_allclose(result.adjusted, false_discovery_control(p), rtol=1e-10)
    np.testing.assert_array_equal(result.rejected, result.adjusted <= q * (1 + 1e-12))


@settings(deadline=None)
@given(p=P_VALUES, seed=st.integers(0, 1000))
def test_relabelling_changes_nothing(p, seed):
    order = np.random.default_rng(seed).permutation(len(p))
    values = np.array(p)
    for method in (stats.benjamini_hochberg, stats.holm):
        before, after = method(values, 0.1), method(values[order], 0.1)
        np.testing.assert_array_equal(before.rejected[order], after.rejected)
    e = 1 / values
    np.testing.assert_array_equal(
        stats.e_bh(e, 0.1).rejected[order], stats.e_bh(e[order], 0.1).rejected
    )
    for combine in (stats.fisher, stats.stouffer):
        assert combine(np.log(values)) == pytest.approx(combine(np.log(values[order])), abs=1e-9)


@settings(deadline=None)
@given(p=P_VALUES)
def test_holm_rejects_what_bonferroni_does_and_e_bh_is_bh_of_inverse_e_values(p):
    assert np.all(stats.holm(p, 0.1).rejected >= (np.array(p) <= 0.1 / len(p)))
    e = 1 / np.array(p)
    np.testing.assert_allclose(
        stats.e_bh(e, 0.1).adjusted, stats.benjamini_hochberg(1 / e, 0.1).adjusted, rtol=1e-9
    )


@pytest.mark.parametrize("m", [1, 3, 7, 49])
def test_p_values_at_their_step_are_rejected_whatever_rounding(m):
    p = 0.05 * np.arange(1, m + 1) / m
    assert stats.benjamini_hochberg(p, 0.05).rejected.all()
    assert stats.e_bh(1 / p, 0.05).rejected.all()
    assert not stats.benjamini_hochberg(p * (1 + 1e-9), 0.05).rejected.any()
    assert stats.holm(np.full(m, 0.05 / m), 0.05).rejected.all()


@pytest.mark.parametrize("method", [stats.benjamini_hochberg, stats.e_bh, stats.holm])
@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, float("nan")])
def test_rates_outside_their_range_are_refused(method, level):
    with pytest.raises(ValueError, match=rf"(q|alpha)={level}: accepted are numbers 0 < \w+ < 1$"):
        method([0.5], level)


def test_holm_by_hand():
    result = stats.holm([0.01, 0.04, 0.03, 0.005], 0.05)
    np.testing.assert_allclose(result.adjusted, [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_array_equal(result.rejected, [True, False, False, True])


@settings(deadline=None)
@given(p=st.lists(st.floats(1e-12, 1 - 1e-6), min_size=1, max_size=30))  # 1 - p keeps its digits
def test_combinations_against_scipy(p):
    fisher = combine_pvalues(p, method="fisher").pvalue
    assert np.exp(stats.fisher(np.log(p))) == pytest.approx(fisher, rel=1e-9, abs=1e-300)
    stouffer = combine_pvalues(p, method="stouffer").pvalue
    assert np.exp(stats.stouffer(np.log(p))) == pytest.approx(stouffer, rel=1e-7, abs=1e-300)


def test_fisher_where_the_library_underflows():
    assert chi2.logsf(3000, 20) == -np.inf or chi2.logsf(3000, 20) < -1000
    log_p = np.full(10, -150.0)  # statistic 3000, 20 degrees of freedom
    terms = sum(1500.0**k / math.factorial(k) for k in range(10))
    assert stats.fisher(log_p) == pytest.approx(-1500 + math.log(terms), rel=1e-12)
    assert stats.fisher([0.0, 0.0]) == 0.0
    assert stats.fisher([-np.inf, -1.0]) == -np.inf


def test_stouffer_far_in_the_tail():
    # one p-value is returned unchanged, however small
    assert stats.stouffer([-5000.0]) == pytest.approx(-5000.0, rel=1e-9)
    assert stats.stouffer([-np.inf, 0.0]) == 0.0
    assert stats.stouffer([np.log(0.01), np.log(0.5)], [1, 0]) == pytest.approx(np.log(0.01))


def test_e_values_at_the_stop_bound_the_false_discovery_rate_but_maxima_do_not():
    boundary = stats.optimal(200, 0.1)
    states = boundary.states
    e = np.exp(stats.log_e_value(states.t, states.s))
    assert states.mass(stats.NULL) @ e == pytest.approx(1, rel=1e-9)
    bits = np.random.default_rng(0).random((20_000, 199)) < np.random.default_rng(1).random(
        (20_000, 1)
    )
    highest = np.exp(stats.e_process(bits)).max(axis=1)
    assert highest.mean() > 1.5  # not an e-value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.benjamini_hochberg([0.1, 1.2], 0.05), r"numbers 0..1, got 1.2"),
        (lambda: stats.benjamini_hochberg([], 0.05), "non-empty"),
        (lambda: stats.benjamini_hochberg([0.1], 0), "q=0"),
        (lambda: stats.holm([0.1], 1), "alpha=1"),
        (lambda: stats.e_bh([-1.0], 0.05), "got -1.0"),
        (lambda: stats.fisher([0.1]), "got 0.1"),
        (lambda: stats.stouffer([-1.0], [0]), "not all zero"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_bound_on_how_many_were_used_covers(share):
    rng, used, wrong, found = np.random.default_rng(4), round(20 * share), 0, []
    for _ in range(400):
        p = rng.random(20)
        p[:used] **= 6
        found.append(stats.used_at_least(p, alpha=0.05))
        wrong += found[-1] > used
    assert wrong / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert np.mean(found) >= 0.3 * used


def test_all_may_be_known_to_be_used():
    assert stats.used_at_least([1e-9, 1e-8, 1e-7]) == 3
    assert stats.used_at_least([0.5]) == 0


def test_the_bound_is_that_of_all_subsets():
    """Closed testing by its definition: every subset that a rejected set is made of."""
    rng = np.random.default_rng(5)
    for _ in range(40):
        p = rng.random(5) ** 3
        kept = [
            len(subset)
            for size in range(1, 6)
            for subset in combinations(p, size)
            if stats.fisher(np.log(subset)) > math.log(0.1)
        ]
        assert stats.used_at_least(p, alpha=0.1) == 5 - max(kept, default=0)
