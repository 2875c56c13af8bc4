import numpy as np
import pytest
from scipy.stats import binom

from taggant import stats
from taggant.stats import Fixed

THRESHOLDS = {50: (40, 33), 100: (71, 61), 500: (295, 273), 1000: (562, 532)}
THRESHOLDS |= {2500: (1348, 1300), 5000: (2638, 2570), 10000: (5194, 5099)}


@pytest.mark.parametrize("pairs", THRESHOLDS)
def test_thresholds(pairs):
    found = [stats.wins_needed(pairs, 0.025, tail) for tail in ("chernoff", "binomial")]
    assert tuple(found) == THRESHOLDS[pairs]
    assert binom.sf(found[1] - 1, pairs, 0.5) <= 0.025 < binom.sf(found[1] - 2, pairs, 0.5)


def all_strings(pairs):
    return (np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1).astype(bool)


@pytest.mark.parametrize("pairs", [6, 12])
@pytest.mark.parametrize("test", [stats.twins_binomial, stats.twins_pprm, stats.twins_betting])
def test_size_by_enumeration_of_all_coins(test, pairs):
    boundary = test(pairs, 0.2)
    decisions = boundary.run(all_strings(pairs))  # True: the hidden twin scores higher
    assert decisions.claim.mean() == pytest.approx(boundary.size(), abs=1e-12)
    assert decisions.claim.mean() <= 0.2
    np.testing.assert_array_equal(decisions.claim, decisions.p_value <= boundary.size())
    for x in np.unique(decisions.p_value):
        assert (decisions.p_value <= x).mean() == pytest.approx(x, abs=1e-12)


def test_exact_threshold_is_a_free_gain():
    """N = 500, win rate .55: .04 with the reference code's threshold, .59 with the exact one."""
    chernoff = stats.twins_pprm(500, 0.05, tail="chernoff")
    exact = stats.twins_pprm(500, 0.05)
    assert chernoff.power(Fixed(0.45)) == pytest.approx(0.04, abs=0.005)
    assert exact.power(Fixed(0.45)) == pytest.approx(0.59, abs=0.005)
    assert chernoff.size() < 0.001 < exact.size() <= 0.05


@pytest.mark.parametrize("pairs", [100, 1000])
@pytest.mark.parametrize("p", [0.1, 0.05, 0.01])
def test_sizes(pairs, p):
    for test in (stats.twins_binomial, stats.twins_pprm, stats.twins_betting):
        assert 0 < test(pairs, p).size() <= p
    futile = stats.twins_pprm(pairs, p, futility=True)
    plain = stats.twins_pprm(pairs, p)
    assert futile.size() <= plain.size()
    assert futile.expected_queries(Fixed(0.5)) <= plain.expected_queries(Fixed(0.5))


def test_betting_needs_no_split():
    """Every pair won: 7 pairs instead of 10 at p = .05; mean pairs at win rate .7 and .6."""
    assert stats.twins_betting(5000, 0.05).expected_queries(Fixed(0.0)) == pytest.approx(7)
    assert stats.twins_pprm(5000, 0.05, tail="chernoff").expected_queries(
        Fixed(0.0)
    ) == pytest.approx(10)
    for losing, betting, papers in ((0.3, 45, 84), (0.4, 201, 495)):
        law = Fixed(losing)
        ours = stats.twins_betting(5000, 0.05).expected_queries(law)
        theirs = stats.twins_pprm(5000, 0.05, tail="chernoff").expected_queries(law)
        assert (ours, theirs) == (pytest.approx(betting, abs=1), pytest.approx(papers, abs=1))


@pytest.mark.parametrize("t", [1, 5, 40])
def test_betting_e_value_has_expectation_one(t):
    losses = np.arange(t + 1)
    for a, b in ((1, 1), (3, 2)):
        e = np.exp(stats.twins_log_e(t, losses, a, b))
        assert binom.pmf(losses, t, 0.5) @ e == pytest.approx(1, rel=1e-10)


@pytest.mark.parametrize(("pairs", "p"), [(3, 0.01), (1, 0.4), (6, 1e-3)])
def test_too_few_pairs_for_any_claim_are_refused(pairs, p):
    for test in (stats.twins_betting, stats.twins_binomial, stats.twins_pprm):
        with pytest.raises(ValueError, match=f"not even {pairs} wins are significant"):
            test(pairs, p)


@pytest.mark.parametrize("pairs", [0, None, [], 2.5, float("inf"), float("nan"), 10**30, True])
def test_numbers_of_pairs_that_are_none(pairs):
    for test in (stats.twins_betting, stats.twins_binomial, stats.twins_pprm, stats.wins_needed):
        with pytest.raises(ValueError, match=r"pairs=.*accepted are integers 1\.\."):
            test(pairs, 0.05)


def test_errors():
    with pytest.raises(ValueError, match="not even 4 wins"):
        stats.twins_pprm(4, 0.05)
    with pytest.raises(ValueError, match="chernoff"):
        stats.wins_needed(10, 0.05, "markov")
    with pytest.raises(ValueError, match="pairs=0"):
        stats.twins_betting(0, 0.05)
    with pytest.raises(ValueError, match="0 < alpha < 1"):
        stats.wins_needed(10, 2)
