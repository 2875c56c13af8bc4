import numpy as np
import pytest
from tests.stats.conftest import all_orders

from taggant import stats
from taggant.stats.evidence import last_true


@pytest.mark.parametrize("n", [3, 6, 8])
@pytest.mark.parametrize(("a", "b"), [(1, 50), (1, 3), (0.5, 2), (2, 2)])
def test_expectation_is_one_over_all_orders(n, a, b):
    e = np.exp(stats.e_process(all_orders(n), b=b, a=a))
    np.testing.assert_allclose(e.mean(axis=0), 1, atol=1e-12)
    assert np.all(e[:, 0] == 1)


def test_expectation_is_one_at_every_depth_of_a_long_chain():
    for t in (10, 100, 999):
        s = np.arange(t + 1)
        assert np.exp(stats.log_e_value(t, s)).sum() / (t + 1) == pytest.approx(1, rel=1e-10)


def test_expectation_at_a_stop_is_one():
    """Optional stopping: of any test's stopping states."""
    for boundary in (
        stats.optimal(200, 0.05),
        stats.pprm(200, 0.05),
        stats.besag_clifford(200, 0.05),
    ):
        states = boundary.states
        e = np.exp(stats.log_e_value(states.t, states.s))
        assert states.mass(stats.NULL) @ e == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.5, 0.3, 0.2])
def test_crossing_probability_is_exact_and_below_alpha(alpha):
    smallest = stats.anytime_p_values(all_orders(8), b=50)[:, -1]
    crossed = (smallest <= alpha * (1 + 1e-12)).mean()
    boundary = stats.anytime(8, alpha, b=50)
    assert crossed == pytest.approx(boundary.size(), abs=1e-12)
    assert crossed <= alpha


@pytest.mark.parametrize("n", [100, 1000, 5000])
def test_crossing_probability_of_long_chains(n):
    for alpha in (0.1, 0.05, 0.03):
        assert 0 < stats.anytime(n, alpha).size() <= alpha


def test_peeking_with_a_test_that_is_not_anytime_valid_fails():
    """The rank p-value of what was read so far, watched until it is small, is no p-value."""
    n, p = 200, 0.05
    t = np.arange(n)
    claim = np.floor(p * (t + 1) + 1e-9).astype(int) - 1  # (S_t + 1)/(t + 1) <= p
    stop = t + 1
    stop[-1] = claim[-1] + 1
    assert stats.Boundary(claim, stop).size() > 1.5 * p


def test_bets_are_on_one_in_fifty_unless_told():
    bits = np.random.default_rng(0).random((3, 20)) < 0.3
    s = np.pad(np.cumsum(bits, axis=1), ((0, 0), (1, 0)))
    np.testing.assert_array_equal(stats.e_process(bits), stats.log_e_value(np.arange(21), s, 50, 1))
    np.testing.assert_array_equal(stats.log_e_value(9, 1), stats.log_e_value(9, 1, b=50, a=1))
    expected = np.exp(-np.maximum.accumulate(stats.e_process(bits), axis=1))
    np.testing.assert_array_equal(stats.anytime_p_values(bits), expected)
    np.testing.assert_array_equal(
        stats.anytime(200, 0.1).claim, stats.anytime(200, 0.1, b=50, a=1).claim
    )


@pytest.mark.parametrize("most", [-1, 0, 1, 4, 100])
def test_the_last_count_for_which_a_condition_holds(most):
    t = np.arange(6)
    np.testing.assert_array_equal(last_true(lambda s: s <= most, t), np.minimum(most, t))


def test_errors():
    with pytest.raises(ValueError, match="no e-value ever reaches"):
        stats.anytime(1000, 0.01, b=50)
    with pytest.raises(ValueError, match="accepted are a <= 1 <= b"):
        stats.anytime(1000, 0.01, a=2)
    with pytest.raises(ValueError, match="0 <= s <= t"):
        stats.log_e_value(3, 4)
    with pytest.raises(ValueError, match="0 < a"):
        stats.log_e_value(3, 2, a=0)
    with pytest.raises(ValueError, match="exceedances"):
        stats.e_process(np.zeros(3, bool))
