from fractions import Fraction

import numpy as np
import pytest

from taggant import stats
from taggant.stats import NULL, Beta, levels
from taggant.stats.alternatives import log_hypergeometric
from taggant.stats.sequential import PriorPosteriorRatio


def inverse_ratios(N, a=1.0, b=1.0):
    """1/R_t(T0) for all (t, s, T0), straight from the definition (posterior / prior)."""
    prior = np.exp(Beta(a, b).log_pmf(N, np.arange(N + 1), N + 1))
    table = np.zeros((N + 1, N + 1, N + 1))
    for t in range(N + 1):
        for s in range(t + 1):
            joint = prior * np.exp(log_hypergeometric(s, N, np.arange(N + 1), t))
            table[t, s] = joint / joint.sum() / prior
    return table


@pytest.mark.parametrize("N", [6, 13])
def test_expected_ratio_is_one_exactly_while_every_count_is_possible(N):
    ratio = PriorPosteriorRatio(N, 1, 1, -3.0)
    for T0 in range(N + 1):
        for t in range(N + 1):
            s = np.arange(t + 1)
            mass = np.exp(log_hypergeometric(s, N, T0, t))
            inverse = np.array([ratio.log_inverse(np.full(N + 1, k), T0)[t] for k in s])
            possible = mass > 0
            expected = (mass[possible] * np.exp(-inverse[possible])).sum()
            if t <= min(T0, N - T0):
                assert expected == pytest.approx(1, abs=1e-12)
            else:
                assert expected < 1 - 1e-9


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 20), (0.5, 0.5), (3, 2)])
@pytest.mark.parametrize(("n", "p", "split"), [(20, 0.3, 0.5), (40, 0.1, 0.3), (60, 0.2, 0.7)])
def test_pprm_boundary_is_the_full_confidence_sequence(n, p, split, a, b):
    """Brute force: claim where the upper bound is <= tau, give up where the lower one is > tau."""
    table = inverse_ratios(n - 1, a, b)
    tau = int(round((1 - split) * p * n, 9)) - 1
    boundary = stats.pprm(n, p, split, a, b, futility=True)
    for t in range(n):
        for s in range(t + 1):
            inside = np.flatnonzero(table[t, s] > split * p)
            assert (inside.max() <= tau) == (s <= boundary.claim[t]), (t, s)
            assert (inside.min() > tau) == (s >= boundary.stop[t]), (t, s)


def test_futility_stop_cannot_raise_the_size_and_saves_reads():
    for p in (0.1, 0.05, 0.01):
        plain, futile = stats.pprm(1000, p), stats.pprm(1000, p, futility=True)
        assert futile.size() <= plain.size()
        assert futile.expected_queries(NULL) < plain.expected_queries(NULL) / 10
        tau = round(p * 1000 / 2) - 1
        assert plain.size() <= (tau + 1) / 1000 + p / 2 * (1 - (tau + 1) / 1000)


def test_curtailed_rank_claims_the_same_instances():
    bits = np.random.default_rng(0).random((500, 99)) < 0.05
    full, short = stats.rank(100, 0.05), stats.rank(100, 0.05, curtailed=True)
    np.testing.assert_array_equal(full.run(bits).claim, short.run(bits).claim)
    assert np.all(short.run(bits).read <= 99)


@pytest.mark.parametrize("h", [1, 2, 5])
@pytest.mark.parametrize("p", [0.05, 0.03, 0.01])
def test_besag_clifford_size(h, p):
    draws = int(np.ceil(round(h / p, 9)))
    boundary = stats.besag_clifford(1000, p, h)
    expected = h / draws if draws <= 1000 else int(p * 1000) / 1000
    assert boundary.size() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.rank(20, 0.03), "accepted are n >= 34 or p >= 0.05$"),
        (lambda: stats.rank(20, True), "p=True is not a finite number"),
        (lambda: stats.rank(20, 0.01), "accepted are n >= 100 or p >= 0.05"),
        (lambda: stats.optimal(20, 0.01), "accepted are n >= 100"),
        (lambda: stats.besag_clifford(20, 0.01), "accepted are n >= 100"),
        (lambda: stats.besag_clifford(20, 0.1, h=0), "h=0"),
        (lambda: stats.pprm(20, 0.05), "accepted are n >= 40"),
        (lambda: stats.pprm(100, 0.1, split=1), "split=1"),
        (lambda: stats.pprm(100, 0.1, a=0), "a=0"),
        (lambda: stats.rank(1, 0.5), "n=1"),
        (lambda: stats.rank(100, 0), "0 < p < 1"),
        (lambda: stats.rank(100, 1.5), "p=1.5"),
        (lambda: stats.rank(100, "five"), "not a finite number"),
        (lambda: stats.rank(100, float("nan")), "not a finite number"),
        (lambda: stats.optimal(1000, 0.001, cost=3e-4), "never claims"),
        (lambda: stats.optimal(100, 0.1, cost=0), "0 < cost"),
        (lambda: stats.optimal(100, 0.1, min_power_share=1), "min_power_share=1"),
        (lambda: stats.optimal(100, 0.1, b=-1), "b=-1"),
    ],
)
def test_errors_name_the_value_and_what_is_accepted(call, message):
    with pytest.raises(ValueError, match=message):
        call()


BAD = [None, [], "x", float("nan"), float("inf"), -1, True]
CALLS = {
    "n": lambda x: stats.rank(x, 0.5),
    "p": lambda x: stats.rank(100, x),
    "h": lambda x: stats.besag_clifford(100, 0.05, h=x),
    "split": lambda x: stats.pprm(100, 0.05, split=x),
    "a": lambda x: stats.pprm(100, 0.05, a=x),
    "b": lambda x: stats.anytime(100, 0.05, b=x),
    "mean": lambda x: stats.Beta.with_mean(x),
    "q": lambda x: stats.Fixed(x),
    "counts": lambda x: stats.Histogram((x,)),
    "min_power_share": lambda x: stats.optimal(100, 0.05, min_power_share=x),
    "alpha": lambda x: stats.holm([0.1], x),
    "confidence": lambda x: stats.clopper_pearson(1, 2, x),
    "k": lambda x: stats.clopper_pearson(x, 2),
    "d": lambda x: stats.log_cosine_p(0.1, x),
    "published": lambda x: stats.rank_of_set([[0.1], [0.2]], x, 0),
    "totals": lambda x: stats.rank_sum([x], 10),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("bad", BAD, ids=str)
def test_any_other_value_is_named_with_what_is_accepted(name, bad):
    with pytest.raises(ValueError, match=rf"^{name}\b.*accepted"):
        CALLS[name](bad)


@pytest.mark.parametrize("name", ["n", "h", "k", "d", "totals", "published"])
def test_huge_integers_are_no_numbers_of_anything(name):
    with pytest.raises(ValueError, match=rf"^{name}\b.*accepted"):
        CALLS[name](10**30 if name != "d" else -(10**30))


def test_numpy_numbers_are_numbers():
    assert stats.rank(np.int64(100), np.float64(0.05)).n == 100
    assert stats.besag_clifford(np.int32(100), 0.05, h=np.uint8(2)).size() == pytest.approx(0.05)
    assert stats.clopper_pearson(np.int64(1), np.int64(2)) == stats.clopper_pearson(1, 2)


def test_levels_are_read_as_they_are_written():
    assert stats.rank(100, 0.29).claim[-1] == 28
    assert stats.rank(100, Fraction(29 * 10**50, 10**52)).claim[-1] == 28
    assert stats.rank(100, Fraction(29 * 10**60 - 1, 10**62)).claim[-1] == 27
    for written in ("29/100", ".29", "29e-2", "+0.290"):
        assert stats.rank(100, written).claim[-1] == 28
    for text in ("0." + 41 * "1", "1/" + 41 * "9", "1e-1000", "0x1", "1 / 3", "1_0e-2", "1/0"):
        with pytest.raises(ValueError, match="is not a finite number"):
            stats.rank(100, text)
    with pytest.raises(ValueError, match="from 1e-300 on"):
        stats.rank(100, "1e-301")


def test_versions_and_levels_have_the_limits_that_messages_tell():
    assert levels.versions(1_000_000) == 1_000_000
    with pytest.raises(ValueError, match=r"n=1000001: accepted are integers 2\.\.1000000"):
        levels.versions(1_000_001)
    assert levels.level("1e-300") == Fraction(1, 10**300)
    with pytest.raises(ValueError, match=r"p='9e-301' is outside .* \(from 1e-300 on\)"):
        levels.level("9e-301")
