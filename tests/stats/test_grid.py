"""Size of every test over a grid of n and p, by the chain and by counting paths with integers."""

from fractions import Fraction

import numpy as np
import pytest
from tests.stats.conftest import TESTS, build, cached

from taggant.stats.exact import exact_size

LEVELS = (0.1, 0.05, 0.01, 0.005, 0.001)
FULL_LEVEL = ("rank", "rank curtailed", "besag_clifford 1", "besag_clifford 2", "optimal")


@pytest.mark.parametrize("n", [20, 100, 1000, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TESTS)
def test_size_is_at_most_p_and_nearly_used_up(name, n):
    for p in LEVELS:
        boundary = build(name, n, p)
        if boundary is None:
            assert not (name in FULL_LEVEL and n * Fraction(str(p)) >= 1)
            continue
        rounding = 1 + 8 * n * np.finfo(float).eps
        assert boundary.size() <= p * rounding
        floor = int(Fraction(str(p)) * n) / n
        if name in FULL_LEVEL:
            if name == "besag_clifford 2" and 2 / Fraction(str(p)) > n:
                continue
            assert boundary.size() >= 0.98 * floor
        if name.startswith("pprm"):
            assert boundary.size() > 0


@pytest.mark.parametrize("name", ["rank curtailed", "pprm futility", "besag_clifford 2", "optimal"])
@pytest.mark.parametrize("n", [20, 100, 1000])
def test_size_in_integers(name, n):
    """No rounding at all: the paths are counted."""
    for p in LEVELS:
        boundary = build(name, n, p)
        if boundary is None:
            continue
        exact = exact_size(boundary)
        assert exact <= Fraction(str(p))
        assert boundary.size() == pytest.approx(float(exact), rel=1e-12)


def test_p_is_read_exactly():
    assert cached("rank")(100, 0.29).size() == pytest.approx(0.29, abs=1e-15)  # floats say 28
    assert cached("rank")(100, "0.29").claim[-1] == 28
    assert cached("rank")(100, Fraction(29, 100)).claim[-1] == 28


@pytest.mark.parametrize("name", TESTS)
def test_more_level_never_means_less_power(name):
    """Monotone in p (n = 100, design alternative); sizes too."""
    from taggant.stats import Beta

    sizes, powers = [], []
    for p in (0.04, 0.06, 0.1, 0.15, 0.2, 0.3):
        boundary = build(name, 100, p)
        if boundary is None:
            continue
        sizes.append(boundary.size())
        powers.append(boundary.power(Beta(1, 50)))
    assert len(sizes) >= 3
    # the optimal test trades up to 2 % of its power for reads, differently at each p
    slack = 0.02 if "optimal" in name else 1e-12
    assert np.all(np.diff(sizes) > -0.02 * max(sizes) * ("optimal" in name) - 1e-12)
    assert np.all(np.diff(powers) > -slack)
