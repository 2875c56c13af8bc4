import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import kstest

from taggant import stats


def log_tail(c: Fraction, d: int) -> float:
    """log P(cosine >= c) for odd d: a polynomial integral, exact in rational arithmetic."""
    k = (d - 3) // 2

    def integral(x):
        return sum(
            Fraction(math.comb(k, j) * (-1) ** j, 2 * j + 1) * x ** (2 * j + 1)
            for j in range(k + 1)
        )

    share = (integral(Fraction(1)) - integral(c)) / (2 * integral(Fraction(1)))
    return math.log(share.numerator) - math.log(share.denominator)


@pytest.mark.parametrize("d", [3, 5, 51, 401])
@pytest.mark.parametrize(
    "c", [Fraction(1, 100), Fraction(1, 4), Fraction(9, 10), Fraction(99, 100)]
)
def test_against_exact_rational_integrals(c, d):
    assert stats.log_cosine_p(float(c), d) == pytest.approx(log_tail(c, d), rel=1e-11)


def test_beyond_the_range_of_floats():
    """c = .9, d = 1281: about 1e-463.5, where the incomplete beta function gives 0."""
    exact = log_tail(Fraction(9, 10), 1281)
    assert exact < -1000
    assert stats.log_cosine_p(0.9, 1281) == pytest.approx(exact, rel=1e-11)
    assert stats.log_cosine_p(0.05, 1_000_000) == pytest.approx(-1255, rel=0.01)
    grid = stats.log_cosine_p(np.linspace(0, 1, 2001), 1280)  # no seam between the two branches
    assert np.all(np.diff(grid) < 0)
    assert np.all(np.diff(grid[1:-1], 2) < 1e-9)


def test_known_values():
    found = np.exp(stats.log_cosine_p([0.05, 0.1, 0.15, 0.2], 512))
    np.testing.assert_allclose(found, [0.129, 0.0118, 3.3e-4, 2.5e-6], rtol=0.02)
    np.testing.assert_allclose(stats.log_cosine_p([0.0, 1.0], 512), [np.log(0.5), -np.inf])
    assert stats.log_cosine_p(-1.0, 512) == 0
    for c in (0.1, 0.5):
        both = np.exp(stats.log_cosine_p([c, -c], 30))
        assert both.sum() == pytest.approx(1, rel=1e-12)


def test_weights_that_are_their_carriers_are_no_division_by_zero():
    with np.errstate(all="raise"):
        found = stats.radioactive_p(np.eye(2, 512), np.eye(2, 512))
    assert np.all(found.log_p == -np.inf)


def test_a_cosine_beyond_one_by_rounding_is_one():
    assert stats.log_cosine_p([1 + 1e-9, -1 - 1e-9], 9).tolist() == [-np.inf, 0]


def test_uniform_under_the_null():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((10, 64))
    found = [stats.radioactive_p(weights, rng.standard_normal((10, 64))) for _ in range(400)]
    assert kstest(np.exp([f.log_p_combined for f in found]), "uniform").pvalue > 0.01
    assert kstest(np.exp(np.concatenate([f.log_p for f in found])), "uniform").pvalue > 0.01


def test_marks_show_and_empty_classes_do_not_count():
    rng = np.random.default_rng(0)
    carriers = rng.standard_normal((3, 1280))
    weights = carriers.copy()
    weights[2] = 0
    found = stats.radioactive_p(weights + 0.0, carriers)
    assert found.log_p[2] == 0
    assert found.log_p_combined < -1000
    assert found.log10_p == pytest.approx(found.log_p_combined / np.log(10))
    lone = stats.radioactive_p(np.zeros((2, 8)), carriers[:2, :8])
    assert lone.log_p_combined == 0


def test_errors():
    with pytest.raises(ValueError, match="d=1"):
        stats.log_cosine_p(0.5, 1)
    with pytest.raises(ValueError, match=r"\[-1, 1\]"):
        stats.log_cosine_p(1.5, 10)
    with pytest.raises(ValueError, match="one shape"):
        stats.radioactive_p(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="carrier 1 is zero"):
        stats.radioactive_p(np.ones((2, 3)), np.array([[1.0, 0, 0], [0, 0, 0]]))
