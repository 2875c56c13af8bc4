"""The forward pass, which takes many rows at once where it can, against one step after another."""

from dataclasses import replace

import numpy as np
import pytest

from taggant import stats
from taggant.stats import NULL, Boundary
from taggant.stats.chain import claiming_states, forward, stopping_states


def row_by_row(test: Boundary) -> dict[tuple[int, int], float]:
    """The recursion of the module's docstring, literally: weight of every stopping state."""
    alive, found = {0: 1.0}, {}
    for t in range(test.n):
        ended, _ = test.outcome(np.full(len(alive), t), np.array(list(alive)))
        live = {s: w for (s, w), end in zip(alive.items(), ended, strict=True) if not end}
        found |= {(t, s): w for s, w in alive.items() if s not in live}
        moved: dict[int, float] = {}
        for s, w in live.items():
            moved[s] = moved.get(s, 0) + w * (t + 1 - s) / (t + 1)
            moved[s + 1] = moved.get(s + 1, 0) + w * (s + 1) / (t + 1)
        alive = moved
        if not alive:
            break
    return dict(sorted(found.items()))


def random_test(seed: int) -> Boundary:
    """Thresholds without any pattern: claims and surrenders come and go."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 300))
    t = np.arange(n)
    claim = np.where(rng.random(n) < 0.9, -1, rng.integers(0, max(2, n // 10), n))
    stop = np.where(rng.random(n) < 0.3, t + 1, rng.integers(0, 9, n))
    stop = np.maximum(stop, claim + 1)
    stop[-1] = claim[-1] + 1
    return Boundary(claim, stop)


TESTS = {
    **{f"random {seed}": random_test(seed) for seed in range(40)},
    "rank": stats.rank(200, 0.1),
    "rank curtailed": stats.rank(500, 0.02, curtailed=True),
    "besag_clifford": stats.besag_clifford(700, 0.01, h=3),
    "pprm": stats.pprm(300, 0.1),
    "optimal": stats.optimal(400, 0.02),
    "two-sided": stats.two_sided(stats.besag_clifford, 300, 0.05),
    "two-sided rank": stats.two_sided(stats.rank, 100, 0.1),
    "twins": stats.twins_pprm(200, 0.1, futility=True),
}


@pytest.mark.parametrize("name", TESTS)
def test_the_pass_agrees_with_single_steps(name):
    test = TESTS[name]
    expected, states = row_by_row(test), stopping_states(test)
    assert list(zip(states.t.tolist(), states.s.tolist(), strict=True)) == list(expected)
    np.testing.assert_allclose(states.weight, list(expected.values()), rtol=1e-12)


def test_narrow_windows_are_taken_by_columns():
    blocks = list(forward(stats.rank(2000, 0.005, curtailed=True)))
    assert max(block.weight.size for block in blocks) > 1000
    assert len(blocks) < 100  # not one a row


@pytest.mark.parametrize("name", [name for name in TESTS if "two-sided" not in name])
def test_claims_alone_are_the_claims_of_all(name):
    test, states = TESTS[name], claiming_states(TESTS[name])
    claims = stopping_states(test).side == 1
    for found in ("t", "s", "weight"):
        expected = getattr(stopping_states(test), found)[claims]
        np.testing.assert_allclose(getattr(states, found), expected, rtol=1e-12)


@pytest.mark.parametrize("name", TESTS)
def test_numbers_do_not_depend_on_what_was_asked_first(name):
    test, other = replace(TESTS[name]), replace(TESTS[name])
    null = test.null
    size, power, reads = test.size(), test.power(null), test.expected_queries(null)
    mass = other.states.mass(null)
    assert size == pytest.approx(mass[other.states.side != 0].sum(), abs=1e-13)
    assert power == pytest.approx(size, abs=1e-13)
    assert reads == pytest.approx(mass @ other.states.t, abs=1e-9)


def test_long_tests_are_exact_and_quick():
    """Half a million versions; closed forms. Row by row this takes minutes."""
    n = 500_000
    assert stats.rank(n, "0.0001").size() == pytest.approx(1e-4, rel=1e-12)
    assert stats.besag_clifford(n, 0.001, h=3).size() == pytest.approx(0.001, rel=1e-11)
    curtailed = stats.rank(50_000, "0.0002", curtailed=True)
    assert curtailed.size() == pytest.approx(2e-4, rel=1e-11)
    assert stats.pprm(50_000, "0.0001").expected_queries(NULL) == pytest.approx(49_999, abs=1)
