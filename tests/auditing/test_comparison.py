"""Doubtful comparisons: what is one, and that no claim rests on any."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from taggant import stats
from taggant.auditing.comparison import exceeding, firm, in_doubt, snap

N = 9
EVERY = np.array(list(itertools.product([False, True], repeat=N - 1)))
"""All paths of eight comparisons."""
DEPTH = np.full(len(EVERY), N - 1)
TESTS = {
    "rank": stats.rank(N, 0.3),
    "besag_clifford": stats.besag_clifford(N, 0.4),
    "optimal": stats.optimal(N, 0.4),
    "two_sided": stats.two_sided(stats.rank, N, 0.5),
}


def column(*values):
    return np.array(values, np.float32)[:, None]


@pytest.mark.parametrize(
    ("grid", "snapped"),
    [(0.0, [0.125, 0.24, 0.26, -0.76]), (0.5, [0, 0, 1, -2]), (2, [0, 0, 0, 0])],
)
def test_scores_are_compared_on_the_grid(grid, snapped):
    scores = np.array([0.125, 0.24, 0.26, -0.76])
    assert snap(scores, grid).tolist() == snapped
    own, keys = column(0.125), np.array([[5]])
    for key in (4, 6):
        bits = exceeding(scores[None], np.full((1, 4), key), own, keys, grid)
        expected = [s > snapped[0] or (s == snapped[0] and key > 5) for s in snapped]
        assert bits[0].tolist() == expected
    doubts = in_doubt(scores[None], own, own, grid)
    assert doubts[0].tolist() == [s == snapped[0] for s in snapped]


def test_doubtful_is_what_lies_between_the_published_versions_answers():
    theirs = np.array([[0.8, 1.0, 1.5, 2.0, 2.2]])
    assert in_doubt(theirs, column(1.0), column(2.0), 0.0)[0].tolist() == [0, 1, 1, 1, 0]
    assert in_doubt(theirs, column(1.0), column(2.0), 0.25)[0].tolist() == [0, 1, 1, 1, 0]
    assert in_doubt(theirs, column(1.0), column(2.0), 0.5)[0].tolist() == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("name", TESTS)
def test_a_claim_stands_if_it_is_made_however_doubtful_comparisons_fall(name):
    test = TESTS[name]
    random = np.random.default_rng(0)
    bits = random.random((60, N - 1)) < 0.2
    doubtful = random.random(bits.shape) < 0.3
    asis, sure = firm(test, bits, doubtful, DEPTH[:60])
    for row, doubts in enumerate(doubtful):
        fallen = EVERY[(EVERY[:, ~doubts] == bits[row][~doubts]).all(1)]
        every = test.run(fallen, DEPTH[: len(fallen)])
        assert sure.claim[row] == (every.side == asis.side[row]).all() * asis.claim[row]
        assert sure.p_value[row] >= asis.p_value[row]
        assert sure.claim[row] <= asis.claim[row]
    assert 0 < sure.claim.sum() < asis.claim.sum()
    ends = [bits, bits | doubtful] + [bits & ~doubtful] * (name == "two_sided")
    read = np.max([test.run(path, DEPTH[:60]).read for path in ends], axis=0)
    assert sure.read.tolist() == read.tolist()  # until the last of them had stopped
    assert sure.exceedances.tolist() == [int(b[:k].sum()) for b, k in zip(bits, read, strict=True)]


@pytest.mark.parametrize("name", TESTS)
def test_without_doubt_nothing_changes_and_with_nothing_else_nothing_is_claimed(name):
    test = TESTS[name]
    asis, sure = firm(test, EVERY, np.zeros_like(EVERY), DEPTH)
    for field in ("claim", "side", "read", "exceedances", "p_value"):
        assert np.array_equal(getattr(asis, field), getattr(sure, field)), field
    asis, sure = firm(test, EVERY, np.ones_like(EVERY), DEPTH)
    assert asis.claim.any()
    assert not sure.claim.any()
    assert asis.p_value.max() <= sure.p_value.max() <= 1


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_no_level_is_reached_more_often_than_it_says(name, share):
    random = np.random.default_rng(1)
    bits = random.random((3000, N)).argsort(1)
    bits = bits[:, 1:] > bits[:, :1]
    doubtful = random.random(bits.shape) < share
    _, sure = firm(TESTS[name], bits, doubtful, np.full(3000, N - 1))
    for p in np.unique(sure.p_value[sure.p_value < 1]):
        reached = int((sure.p_value <= p).sum())
        assert binomtest(reached, 3000, p, "greater").pvalue > 1e-4


@pytest.mark.parametrize("name", ["rank", "besag_clifford", "optimal"])
def test_a_grid_of_ones_own_choice_makes_no_claim(name):
    """Rounding keeps an order or ties it: who chooses the grid after the scores gains nothing."""
    random, test = np.random.default_rng(2), TESTS[name]
    scores, keys = random.standard_normal((400, N)), random.permutation(N)
    reads = np.full(400, N - 1)

    def claims(grid):
        theirs, own = scores[:, 1:], scores[:, :1]
        bits = exceeding(theirs, keys[None, 1:], own, keys[None, :1], grid)
        asis, sure = firm(test, bits, in_doubt(theirs, own, own, grid), reads)
        return asis.claim, sure.claim

    none = claims(0.0)[1]
    grids = [claims(grid) for grid in np.geomspace(0.01, 10, 41)]
    assert not any((sure & ~none).any() for _, sure in grids)
    assert any((asis & ~none).any() for asis, _ in grids)  # by keys alone it would


def test_what_is_undecided_where_doubt_counts_against_it_is_refused():
    test = stats.besag_clifford(N, 0.4, h=1)
    bits, doubtful = np.zeros((1, 8), bool), np.zeros((1, 8), bool)
    with pytest.raises(ValueError, match="undecided"):
        firm(test, bits, doubtful, np.array([0]))
