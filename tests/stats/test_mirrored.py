from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from taggant import stats
from taggant.stats import NULL, Beta, Boundary, Fixed
from taggant.stats.exact import exact_size
from taggant.stats.mirrored import _gives_up_for_good

TESTS = (stats.rank, stats.pprm, stats.optimal, stats.besag_clifford)


@pytest.mark.parametrize("test", TESTS)
def test_symmetric_and_each_side_keeps_half(test):
    both = stats.two_sided(test, 200, 0.1)
    assert both.power_of_side(NULL, 1) == pytest.approx(both.power_of_side(NULL, -1))
    assert both.power(Beta(50, 1)) == pytest.approx(both.power(Beta(1, 50)), rel=1e-6)
    assert exact_size(both) <= Fraction(1, 10)
    forgotten = both.run(np.ones((1, 199), bool))
    assert forgotten.side[0] == -1
    assert forgotten.claim[0]


def comes_back(n: int, p: Fraction) -> Boundary:
    """Gives up at once on a first exceedance, yet would claim such a path later."""
    t = np.arange(n)
    claim = np.where(t >= n // 2, 3, -1)
    stop = np.where((t >= 1) & (t < 4), 1, np.where(t == n - 1, 4, t + 1))
    return Boundary(claim, np.maximum(stop, claim + 1))


def test_paths_that_come_back_after_giving_up_are_counted():
    side = comes_back(40, Fraction(1, 20))
    both = Boundary(side.claim, side.stop, np.arange(40) - side.claim)
    assert both.power_of_side(NULL, 1) > side.size() * 1.0001
    level = 2 * Fraction(str(round(side.size() + 1e-6, 6)))  # what the side alone would need
    with pytest.raises(ValueError, match="come back"):
        stats.two_sided(comes_back, 40, level)


@pytest.mark.parametrize("test", [stats.twins_binomial, stats.twins_pprm, stats.twins_betting])
@pytest.mark.parametrize("pairs", [8, 11])
def test_the_null_is_that_of_the_test(test, pairs):
    both = stats.two_sided(test, pairs, 0.2)
    assert both.null == Fixed(0.5)
    coins = (np.arange(2**pairs)[:, None] >> np.arange(pairs) & 1).astype(bool)
    decisions = both.run(coins)
    assert decisions.claim.mean() == pytest.approx(both.size(), abs=1e-12)
    assert 0 < both.size() <= 0.2
    assert exact_size(both) <= Fraction(1, 5)
    for x in np.unique(decisions.p_value):
        assert (decisions.p_value <= x).mean() == pytest.approx(x, abs=1e-12)


def test_a_null_that_is_not_symmetric_is_refused_where_a_side_would_exceed_its_half():
    def biased(n: int, p: Fraction) -> Boundary:
        """Claims on few exceedances of a coin of .3; of many there are fewer, but not enough so."""
        claim = np.full(n, -1)
        claim[-1] = 0
        stop = np.arange(1, n + 1)
        stop[-1] = 1
        return Boundary(claim, stop, null=Fixed(0.7))

    assert biased(4, Fraction(1, 10)).size() < 0.05
    with pytest.raises(ValueError, match="not symmetric"):
        stats.two_sided(biased, 4, 0.1)


def test_levels_that_are_tried_where_a_side_exceeds_its_half():
    tried = []

    def side(n: int, p: Fraction) -> Boundary:
        tried.append(p)
        return comes_back(n, p)

    with pytest.raises(ValueError, match="come back"):
        stats.two_sided(side, 40, "0.02")
    lower = (0, Fraction(1, 10**6), Fraction(1, 10**4), Fraction(1, 100))
    assert tried == [Fraction(1, 100) * (1 - less) for less in lower]


@pytest.mark.parametrize("test", [stats.twins_binomial, stats.rank])
def test_a_side_may_use_its_half_to_the_last_digit(test):
    both = stats.two_sided(test, 4 if test is stats.twins_binomial else 16, "1/8")
    assert exact_size(both) == Fraction(1, 8)


def test_a_side_gives_up_for_good_if_no_later_claim_lies_above():
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        claim = np.sort(rng.integers(-1, 3, 6)) if rng.random() < 0.5 else rng.integers(-1, 3, 6)
        stop = np.maximum(claim + 1, rng.integers(1, 8, 6))
        stop[-1] = claim[-1] + 1
        side = Boundary(claim, stop)
        found.append(all(stop[t] > claim[t:].max() for t in range(6) if stop[t] <= t))
        assert _gives_up_for_good(side) == found[-1]
    assert 0.1 < np.mean(found) < 0.9


def test_twins_of_200_pairs():
    both = stats.two_sided(stats.twins_binomial, 200, 0.05)
    assert both.size() == pytest.approx(2 * binom.sf(114, 200, 0.5), rel=1e-9)
    assert both.size() == pytest.approx(0.04, abs=5e-4)


def test_no_two_sided_test_where_there_is_no_one_sided():
    with pytest.raises(ValueError, match="accepted are n >= 200"):
        stats.two_sided(stats.rank, 100, 0.01)
