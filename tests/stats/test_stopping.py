import math
import time
from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest

from taggant import stats
from taggant.stats import Beta, Boundary, programme, stopping
from taggant.stats.programme import Programme

DESIGN = Beta(1, 50)


@pytest.mark.parametrize("seed", range(3))
def test_no_neighbouring_test_of_the_same_size_is_better(seed):
    """Local optimality: random changes of the boundary never win at no more size."""
    rng = np.random.default_rng(seed)
    n, cost, law = 60, 2e-3, Beta(1, 30)
    best = stats.optimal(n, 0.1, b=30, cost=cost)
    value = cost * best.expected_queries(law) - best.power(law)
    spare = 0.1 - best.size()
    for _ in range(200):
        claim, stop = best.claim.copy(), best.stop.copy()
        rows = rng.integers(5, n - 1, rng.integers(1, 4))
        claim[rows] += rng.integers(-1, 2, rows.size)
        stop[rows] += rng.integers(-1, 2, rows.size)
        claim = np.maximum(claim, -1)
        stop = np.maximum(stop, claim + 1)
        other = Boundary(claim, stop)
        if other.size() <= best.size():
            # what is gained may not exceed the price of the size that rounding leaves unused
            gain = value - (cost * other.expected_queries(law) - other.power(law))
            assert gain <= 10 * spare + 1e-12


@cache
def every_test(n: int, law: Beta) -> np.ndarray:
    """(reads, misses, size) of every threshold test of n versions."""
    rows = [[(c, g) for c in range(-1, t + 1) for g in range(c + 1, t + 2)] for t in range(n - 1)]
    rows.append([(c, c + 1) for c in range(-1, n)])
    tests = (Boundary(*zip(*test, strict=True)) for test in product(*rows))
    return np.array([(b.expected_queries(law), 1 - b.power(law), b.size()) for b in tests])


@pytest.mark.parametrize("multiplier", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("cost", [1e-4, 0.02])
def test_programme_is_the_optimum_over_all_tests(multiplier, cost):
    """No test of n = 4 has a lower cost * reads + misses + multiplier * size."""
    n, law = 4, Beta(1, 5)
    problem = Programme(n, Fraction(1, 2), law)
    found = problem.solve(np.array([cost]), np.array([multiplier]))
    best = Boundary(found.claim[:, 0], found.stop[:, 0])
    assert best.size() == pytest.approx(found.size[0], abs=1e-14)
    assert best.power(law) == pytest.approx(found.power[0], abs=1e-14)
    lowest = (every_test(n, law) @ [cost, 1, multiplier]).min()
    value = cost * best.expected_queries(law) + 1 - best.power(law) + multiplier * best.size()
    assert value == pytest.approx(lowest, abs=1e-12)


@pytest.mark.parametrize(("p", "cost"), [(0.05, 1e-3), (0.3, 1e-4), (0.02, 1e-4)])
def test_a_programme_of_some_rows_knows_the_size_and_power_of_its_test(p, cost, monkeypatch):
    """From look to look as exactly as from read to read."""
    monkeypatch.setattr(programme, "_SHORT", 8)
    monkeypatch.setattr(programme, "_EVERY_READ", 16)
    monkeypatch.setattr(programme, "_SPACING", 6)
    horizon, law = 240, Beta(1, 30)
    problem = Programme(horizon, Fraction(str(p)), law)
    assert problem.looks.size < 50
    multiplier = np.array([1.0, 3.0, 20.0])
    found = problem.solve(np.full(3, cost), multiplier)
    everywhere = problem_of_every_read(problem, monkeypatch).solve(np.full(3, cost), multiplier)
    for k in range(3):
        test = problem.boundary(horizon, found.claim[:, k], found.stop[:, k])
        assert test.size() == pytest.approx(found.size[k], rel=1e-9)
        assert test.power(law) == pytest.approx(found.power[k], rel=1e-9)
        best = Boundary(everywhere.claim[:, k], everywhere.stop[:, k])
        loss, least = (
            cost * b.expected_queries(law) + 1 - b.power(law) + multiplier[k] * b.size()
            for b in (test, best)
        )
        assert least - 1e-12 <= loss < 1.03 * least


def problem_of_every_read(problem, monkeypatch):
    monkeypatch.setattr(programme, "_SHORT", problem.horizon)
    return Programme(problem.horizon, problem.alpha, problem.design)


def test_looks_are_every_read_at_first_and_in_steps_of_a_64th_later():
    looks = Programme(100_000, Fraction(1, 20), DESIGN).looks
    assert looks[:256].tolist() == list(range(256))
    assert looks[-1] == 99_999
    np.testing.assert_array_equal(np.diff(looks)[255:-1], looks[255:-2] // 64)
    assert Programme(1024, Fraction(1, 20), DESIGN).looks.tolist() == list(range(1024))


@pytest.mark.parametrize("p", [0.1, 0.05, 0.01])
def test_default_keeps_the_wanted_power(p):
    wanted = stats.rank(300, p).power(DESIGN)
    reads = []
    for share in (0.9, 0.98, 0.995):
        test = stats.optimal(300, p, min_power_share=share)
        assert test.power(DESIGN) >= share * wanted
        reads.append(test.expected_queries(DESIGN))
    assert reads == sorted(reads)
    assert reads[0] < reads[-1]


def test_large_n_stops_at_a_short_horizon_without_loss():
    """The horizon is an economy, not an approximation of the size."""
    test = stats.optimal(20_000, 0.05)
    assert test.size() <= 0.05
    assert test.states.t.max() < 4096
    assert test.power(DESIGN) >= 0.98 * (1 - 0.95**50) * 0.999


def test_a_horizon_that_cuts_the_reading_off_is_not_taken():
    test, law = stats.optimal(3000, 0.05, cost=1e-7), Beta(1, 50)
    assert test.states.t.max() > 2000
    assert test.power(law) == pytest.approx(stats.rank(3000, 0.05).power(law), rel=1e-3)


def test_cost_zero_limit_is_the_curtailed_rank_test():
    cheap = stats.optimal(100, 0.05, cost=1e-9)
    full = stats.rank(100, 0.05, curtailed=True)
    assert cheap.power(DESIGN) == pytest.approx(full.power(DESIGN), rel=1e-6)


def test_unused_share_of_the_level_is_small():
    for n, p in ((100, 0.1), (1000, 0.05), (1000, 0.005)):
        assert 0.999 * p < stats.optimal(n, p).size() <= p


@pytest.mark.parametrize(
    ("n", "p"),
    [(5000, 0.3), (10_000, 0.5), (10_000, 1e-4)]
    + [
        pytest.param(10_000, p, marks=pytest.mark.slow)
        for p in (1.5e-4, 1e-3, 5e-3, 0.02, 0.03, 0.07, 0.2)
    ],
)
def test_found_within_five_seconds(n, p):
    stopping._solved.cache_clear()
    start = time.process_time()
    test = stats.optimal(n, p)
    assert time.process_time() - start < 5
    assert exact_or_below(test.size(), p)
    assert test.power(DESIGN) >= 0.98 * stats.rank(n, p).power(DESIGN)


def exact_or_below(size: float, p: float) -> bool:
    return 0.9 * p < size <= p * (1 + 1e-12)


@pytest.mark.parametrize(
    "design",
    [
        {"b": 0.5},
        {"b": 0.9},
        {"b": 0.99},
        {"a": 2, "b": 1},
        {"a": 5, "b": 45, "min_power_share": 0.995},
    ],
)
def test_designs_against_which_few_exceedances_are_no_evidence(design):
    with pytest.raises(ValueError, match=rf"b={design['b']}: accepted are a <= 1 <= b"):
        stats.optimal(100, 0.05, **design)


@pytest.mark.parametrize("b", [math.inf, math.nan, None, "50", 10**400, 0, True])
def test_designs_that_are_no_law(b):
    with pytest.raises(ValueError, match=r"b=.*: accepted are numbers 0 < b < inf"):
        stats.optimal(100, 0.05, b=b)


@pytest.mark.parametrize("b", [1.0001, 1.5, 1e4, 1e9])
def test_weak_and_strong_designs_end(b):
    test, law = stats.optimal(300, 0.1, b=b), Beta(1, b)
    assert exact_or_below(test.size(), 0.1)
    assert test.power(law) >= 0.98 * stats.rank(300, 0.1).power(law)


@pytest.mark.parametrize("cost", [1e-300, 1e-9, 1e-5])
def test_any_small_cost_ends(cost):
    test = stats.optimal(300, 0.1, cost=cost)
    assert exact_or_below(test.size(), 0.1)
    assert test.power(DESIGN) >= 0.98 * stats.rank(300, 0.1).power(DESIGN)


def test_arguments():
    with pytest.raises(ValueError, match=r"cost=1e\+300 a read is so large"):
        stats.optimal(100, 0.05, cost=1e300)
    with pytest.raises(ValueError, match="cost=0: accepted are numbers 0 < cost < inf"):
        stats.optimal(100, 0.05, cost=0)
    with pytest.raises(ValueError, match="min_power_share=1: accepted are numbers 0 <= min"):
        stats.optimal(100, 0.05, min_power_share=1)
    assert stats.optimal(np.int64(100), 0.05, b=np.float64(50)).n == 100


def test_a_test_that_was_asked_for_before_is_not_solved_again():
    assert stats.optimal(60, "0.05") is stats.optimal(60, Fraction(1, 20))
    assert stats.optimal(60, "0.05", b=20.0) is not stats.optimal(60, "0.05")
