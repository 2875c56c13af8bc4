from fractions import Fraction

import numpy as np
import pytest

from taggant import stats
from taggant.stats import NULL, Beta, Boundary
from taggant.stats.exact import exact_size

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


def test_no_two_sided_test_where_there_is_no_one_sided():
    with pytest.raises(ValueError, match="accepted are n >= 200"):
        stats.two_sided(stats.rank, 100, 0.01)
