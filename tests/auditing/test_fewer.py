from __future__ import annotations

import numpy as np
import pytest
from tests.auditing.test_engine import SCORE, Pixels, instances, oracle

from taggant import stats
from taggant.auditing.engine import read
from taggant.auditing.fewer import first, whole, within
from taggant.auditing.instance import firm_totals, replay
from taggant.auditing.readings import Readings

TESTS = {
    "rank": stats.rank(20, 0.1),
    "optimal": stats.optimal(20, 0.1),
    "besag_clifford": stats.besag_clifford(20, 0.1),
    "two sides": stats.two_sided(stats.optimal, 40, 0.1),
}


@pytest.mark.parametrize("name", TESTS)
def test_a_test_among_more_versions_has_its_size_and_decides_as_ever(name):
    test = TESTS[name]
    wide = within(test, 60)
    assert wide.n == 60
    assert wide.size() == pytest.approx(test.size(), rel=1e-12)
    bits = np.random.default_rng(0).random((400, 59)) < np.linspace(0, 1, 400)[:, None]
    mine, theirs = test.run(bits[:, : test.n - 1]), wide.run(bits)
    for column in ("claim", "side", "read", "exceedances"):
        assert np.array_equal(getattr(mine, column), getattr(theirs, column))
    assert set(mine.claim) == {True, False}


def test_all_of_so_many_versions_are_read_and_nothing_is_claimed():
    bits = np.random.default_rng(0).random((50, 59)) < 0.3
    decisions = within(whole(20), 60).run(bits)
    assert set(decisions.read) == {19}
    assert not decisions.claim.any()


def test_ranks_among_fewer_versions_are_those_of_the_first_that_are_read():
    audited = instances()
    deep = read(oracle(Pixels()), SCORE, audited)
    shallow = read(oracle(Pixels()), SCORE, audited, [within(whole(20), 60)])
    assert set(shallow.reads) == {19}
    assert not shallow.full
    for readings in (deep, shallow):
        part = first(readings, 20)
        assert part.full
        assert np.array_equal(firm_totals(part), deep.bits[:, :19].sum(1))
        assert np.array_equal(
            replay(TESTS["optimal"], part).claim, TESTS["optimal"].run(deep.bits[:, :19]).claim
        )
    assert first(shallow, 20).queries == shallow.queries


def test_what_was_stopped_before_stays_as_it_was():
    bits = np.array([[True, False, False], [True, True, True]])
    readings = Readings(bits, ~bits, np.array([1, 3]), n=60, grid=0.0, queries=4)
    part = first(readings, 3)
    assert part.reads.tolist() == [1, 2]
    assert part.bits.tolist() == bits[:, :2].tolist()
    assert part.doubtful.tolist() == (~bits)[:, :2].tolist()


def test_ranks_among_fewer_versions_are_uniform():
    counts = np.zeros(6)
    for seed in range(20):
        readings = read(oracle(Pixels()), SCORE, instances(seed=seed), [within(whole(6), 60)])
        counts += np.bincount(first(readings, 6).exceedances(), minlength=6)
    expected = counts.sum() / 6
    assert ((counts - expected) ** 2 / expected).sum() < 20.5  # chi-square, 5 df: p = .001
