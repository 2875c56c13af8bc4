from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln
from tests.stats.conftest import TESTS, all_orders, build, cached

from taggant import stats
from taggant.stats import NULL, Beta, Boundary, Fixed, Histogram
from taggant.stats.alternatives import log_choose

LEVELS = {2: 0.5, 3: 0.4, 5: 0.4, 7: 0.3, 8: 0.25}


def step_by_step(boundary: Boundary, bits: np.ndarray) -> tuple[int, int, int]:
    """The audit as a person would do it: (side, hidden versions read, exceedances)."""
    s = 0
    for t in range(boundary.n):
        if t:
            s += int(bits[t - 1])
        if s <= boundary.claim[t]:
            return 1, t, s
        if boundary.claim_high is not None and s >= boundary.claim_high[t]:
            return -1, t, s
        between = boundary.claim_high is None or s <= t - boundary.stop[t]
        if s >= boundary.stop[t] and between:
            return 0, t, s
    raise AssertionError("undecided at the last row")


def make(name: str, n: int, p: float) -> Boundary:
    return build(name, n, p) or stats.rank(n, 0.5)


MISSING = {  # tests that do not exist for so few versions
    2: ["anytime", *(name for name in TESTS if name.startswith(("pprm", "two-sided")))],
    3: ["pprm", "pprm futility", "pprm prior"],
}
MISSING[3] += [name for name in TESTS if name.startswith("two-sided")]
EXISTING = [(name, n) for n in LEVELS for name in TESTS if name not in MISSING.get(n, ())]


@pytest.mark.parametrize("n", MISSING)
def test_no_other_test_is_missing(n):
    assert [name for name in TESTS if build(name, n, LEVELS[n]) is None] == sorted(
        MISSING[n], key=[*TESTS].index
    )


@pytest.mark.parametrize(("name", "n"), EXISTING)
def test_enumeration_over_all_orders_agrees_with_the_chain(name, n):
    boundary = cached(name)(n, LEVELS[n])
    decisions = boundary.run(all_orders(n))
    assert decisions.claim.mean() == pytest.approx(boundary.size(), abs=1e-12)
    assert decisions.claim.mean() <= LEVELS[n] + 1e-12
    assert decisions.read.mean() == pytest.approx(boundary.expected_queries(NULL), abs=1e-12)
    for side in (1, -1):
        share = (decisions.side == side).mean()
        assert share == pytest.approx(boundary.power_of_side(NULL, side), abs=1e-12)
    # p-values: exactly the null probability of evidence at least as strong, and P(p <= x) <= x
    for x in np.unique(decisions.p_value):
        assert (decisions.p_value <= x).mean() == pytest.approx(x, abs=1e-12)


@pytest.mark.parametrize("law", [Beta(1, 4), Beta(2, 3), Fixed(0.2), Fixed(0.0), Fixed(1.0)])
@pytest.mark.parametrize("name", ["optimal", "besag_clifford 2", "two-sided rank"])
def test_alternatives_agree_with_enumeration_over_all_bit_strings(name, law):
    n = 8
    boundary = make(name, n, 0.25)
    bits = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n - 1) & 1).astype(bool)
    s = bits.sum(axis=1)
    # exchangeable: the probability of a string is that of its total, shared equally
    mass = np.exp(law.log_pmf(n - 1, s, n) - log_choose(n - 1, s))
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    decisions = boundary.run(bits)
    assert mass @ decisions.claim == pytest.approx(boundary.power(law), abs=1e-12)
    assert mass @ decisions.read == pytest.approx(boundary.expected_queries(law), abs=1e-12)


def test_histogram_alternative_is_the_average_over_its_totals():
    boundary, bits = cached("optimal")(8, 0.25), all_orders(8)
    totals, counts = bits.sum(axis=1), np.array([5, 0, 3, 0, 0, 1, 0, 1])
    claims = boundary.run(bits).claim
    expected = sum(c / 10 * claims[totals == k].mean() for k, c in enumerate(counts))
    law = Histogram.of(np.repeat(np.arange(8), counts), 8)
    assert law == Histogram(tuple(counts.tolist()))
    assert boundary.power(law) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="accepted are n=9"):
        cached("optimal")(9, 0.25).power(law)


def test_mass_of_the_stopping_states_sums_to_one(test_of):
    boundary = test_of(200, 0.1)
    for law in (NULL, Beta(1, 50), Fixed(0.02)):
        assert boundary.states.mass(law).sum() == pytest.approx(1, abs=1e-9)


def test_p_value_is_at_most_the_size_exactly_for_claims(test_of):
    boundary = test_of(200, 0.1)
    states = boundary.states
    for ordering in ("stagewise", "likelihood"):
        values = boundary.p_value(states.t, states.s, ordering=ordering)
        np.testing.assert_array_equal(values <= boundary.size(), states.side != 0)
        order = np.argsort(values, kind="stable")
        below = np.cumsum(states.mass(NULL)[order])
        assert np.all(below <= values[order] * (1 + 1e-9))  # P(p <= x) <= x at every jump
    with pytest.raises(ValueError, match="accepted are the pairs in"):
        boundary.p_value(0, 0)
    with pytest.raises(ValueError, match="stagewise"):
        boundary.p_value(states.t, states.s, ordering="best")


TWINS = {
    "twins binomial": partial(stats.twins_binomial, 60),
    "twins pprm": partial(stats.twins_pprm, 60),
    "twins betting": partial(stats.twins_betting, 60),
    "two-sided twins": partial(stats.two_sided, stats.twins_binomial, 60),
}


@pytest.mark.parametrize(
    "alternative", [None, Beta(1, 5), Beta(2, 3), Fixed(0.01), Fixed(0.3), NULL]
)
@pytest.mark.parametrize("n", [7, 40, 130])
@pytest.mark.parametrize("name", [*TESTS, *TWINS])
def test_a_claim_is_a_p_value_within_the_size_to_the_last_digit(name, n, alternative):
    boundary = TWINS[name](0.2) if name in TWINS else make(name, n, 0.3)
    states = boundary.states
    for ordering in ("stagewise", "likelihood"):
        values = boundary.p_value(states.t, states.s, ordering, alternative)
        np.testing.assert_array_equal(values <= boundary.size(), states.side != 0)
        assert np.all(values[states.side == 0] > boundary.size())


@pytest.mark.parametrize(
    ("t", "s"), [(35, 100), (35, -1), (-1, 0), (100, 0), (36, 35), (0, 0), (99, 100), (3, 5)]
)
def test_states_that_there_are_not_have_no_p_value(t, s):
    """(35, 100) shares t n + s with (36, 0), a state of another audit."""
    boundary = stats.besag_clifford(100, 0.05, h=2)
    with pytest.raises(ValueError, match="accepted are"):
        boundary.p_value(t, s)
    with pytest.raises(ValueError, match="accepted are"):
        boundary.p_value([39, t], [1, s], ordering="likelihood")


def test_numbers_that_are_no_states_have_no_p_value():
    for t, s in ((5.0, 2), (None, 2), (float("nan"), 2), (5, float("inf")), (10**30, 2), (True, 2)):
        with pytest.raises(ValueError, match=r"[ts]: accepted are integers 0..99"):
            stats.besag_clifford(100, 0.05).p_value(t, s)


@pytest.mark.parametrize("name", ["optimal", "besag_clifford 5", "two-sided besag_clifford"])
def test_likelihood_order_is_that_of_the_ratio(name):
    """Against the ratio of the beta functions, claims first."""
    boundary, law = make(name, 40, 0.3), Beta(1, 20)
    states = boundary.states

    def log_ratio(s: np.ndarray) -> np.ndarray:
        paths = betaln(1 + s, 1 + states.t - s)
        return betaln(law.a + s, law.b + states.t - s) - betaln(law.a, law.b) - paths

    ratio = np.exp(log_ratio(states.s))
    if boundary.claim_high is not None:
        ratio = ratio + np.exp(log_ratio(states.t - states.s))
    claims, mass = states.side != 0, states.mass(NULL)
    values = boundary.p_value(states.t, states.s, "likelihood", law)
    for k in range(ratio.size):
        before = (claims > claims[k]) | ((claims == claims[k]) & (ratio >= ratio[k] * (1 - 1e-7)))
        assert values[k] == pytest.approx(mass[before].sum(), abs=1e-12)


def test_two_sides_need_not_be_mirror_images():
    """The other side may claim before anything else is decided."""
    n = 7
    t = np.arange(n)
    claim = np.where(t == n - 1, 1, -1)
    high = np.where(t == n - 1, n - 2, np.where(t >= 3, t, n + 1))
    stop = np.where(t == n - 1, 2, t + 1)
    boundary = Boundary(claim, stop, high)
    decisions = boundary.run(all_orders(n))
    assert decisions.side.min() == -1
    assert decisions.read.min() == 3
    assert decisions.claim.mean() == pytest.approx(boundary.size(), abs=1e-12)
    assert decisions.read.mean() == pytest.approx(boundary.expected_queries(NULL), abs=1e-12)
    for side in (1, -1):
        share = (decisions.side == side).mean()
        assert share == pytest.approx(boundary.power_of_side(NULL, side), abs=1e-12)


def test_two_versions_have_two_totals():
    assert Histogram.of([0, 1, 1], 2) == Histogram((1, 2))


def test_known_p_values():
    rank = stats.rank(100, 0.05)
    np.testing.assert_allclose(rank.p_value(99, np.arange(100)), np.arange(1, 101) / 100)
    clifford = stats.besag_clifford(100, 0.05, h=2)
    draws = np.arange(2, 40)
    np.testing.assert_allclose(clifford.p_value(draws, 2), 2 / draws)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(TESTS)),
    q=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 98), max_size=5),
)
def test_replay_equals_stepwise_equals_blocks(name, q, seed, cuts):
    boundary = make(name, 100, 0.1)
    bits = np.random.default_rng(seed).random((7, boundary.n - 1)) < q
    decisions = boundary.run(bits)
    stepwise = np.array([step_by_step(boundary, row) for row in bits])
    np.testing.assert_array_equal(stepwise[:, 0], decisions.side)
    np.testing.assert_array_equal(stepwise[:, 1], decisions.read)
    np.testing.assert_array_equal(stepwise[:, 2], decisions.exceedances)
    np.testing.assert_array_equal(decisions.claim, decisions.side != 0)
    np.testing.assert_array_equal(decisions.claim, decisions.p_value <= boundary.size())

    stopped, counts = np.full(7, -1), np.zeros(7, int)  # an engine that reads ahead in blocks
    edges = [0, *sorted(set(cuts) & set(range(boundary.n - 1))), boundary.n - 1]
    for left, right in pairwise(edges):
        todo = np.flatnonzero(stopped < 0)
        if todo.size:
            t, s = boundary.stopped_at(bits[todo, left:right], left, counts[todo])
            stopped[todo], counts[todo] = t, s
    np.testing.assert_array_equal(stopped, decisions.read)
    np.testing.assert_array_equal(counts, decisions.exceedances)

    shallow = boundary.run(bits, reads=decisions.read)  # later columns are never looked at
    np.testing.assert_array_equal(shallow.read, decisions.read)
    order = np.random.default_rng(seed).permutation(7)  # instances do not influence each other
    np.testing.assert_array_equal(boundary.run(bits[order]).p_value, decisions.p_value[order])


def test_long_and_many_rows_take_the_same_decisions():
    rng = np.random.default_rng(1)
    bits = rng.random((5000, 999)) < rng.random((5000, 1)) ** 4
    for name in ("pprm", "optimal", "two-sided optimal", "rank"):
        boundary = cached(name)(1000, 0.05)
        decisions = boundary.run(bits)
        for k in range(0, 5000, 250):
            expected = step_by_step(boundary, bits[k])
            assert expected == (decisions.side[k], decisions.read[k], decisions.exceedances[k])


def test_undecided_instances_are_never_guessed():
    boundary = stats.rank(10, 0.2)
    with pytest.raises(ValueError, match="2 of 2 instances are undecided"):
        boundary.run(np.zeros((2, 8), bool))
    with pytest.raises(ValueError, match="the first is instance 1 with 5 versions read"):
        boundary.run(np.zeros((2, 9), bool), reads=[9, 5])
    with pytest.raises(ValueError, match="reads"):
        boundary.run(np.zeros((2, 9), bool), reads=[9, 10])
    with pytest.raises(ValueError, match="accepted are up to 9"):
        boundary.run(np.zeros((2, 10), bool))
    with pytest.raises(ValueError, match="accepted are up to n-1 = 9"):
        boundary.stopped_at(np.zeros((2, 5), bool), read=5)
    with pytest.raises(ValueError, match="bool array"):
        boundary.run(np.zeros((2, 9)))
    assert len(boundary.run(np.zeros((0, 9), bool))) == 0


def test_arrays_that_are_no_test_are_refused():
    with pytest.raises(ValueError, match="undecided"):
        Boundary([-1, -1], [1, 2])
    with pytest.raises(ValueError, match="cannot be both"):
        Boundary([-1, 1], [1, 1])
    with pytest.raises(ValueError, match="stop has 3 rows"):
        Boundary([-1, 0], [1, 1, 1])
    for high in ([1, 0], [-1, 1], [1, -1]):
        with pytest.raises(ValueError, match="overlaps"):
            Boundary([-1, 0], [1, 1], high)
    with pytest.raises(ValueError, match=r"claim_high\[2\] = 1 overlaps"):
        Boundary([-1, -1, -1], [1, 1, 1], [1, 2, 1])  # 1 of 2 would be given up as well
    with pytest.raises(ValueError, match="undecided"):
        Boundary([-1, -1, 0], [1, 2, 2], [1, 2, 3])
    boundary = Boundary([-1, 0], [1, 1])
    with pytest.raises(ValueError, match="read-only"):
        boundary.claim[0] = 3
