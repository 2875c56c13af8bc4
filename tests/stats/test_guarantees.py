"""Figures and counterexamples of docs/guarantees.md, exact."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2, norm

from taggant import stats
from taggant.stats import Boundary, Fixed

PAGE = (Path(__file__).parents[2] / "docs" / "guarantees.md").read_text()
DEFAULT = stats.optimal(1000, 0.05)


@pytest.mark.parametrize(("n", "claimed"), [(1000, 0.95), (100, 0.63)])
def test_a_model_that_answers_by_the_reading_order_is_claimed(n, claimed):
    """The version at the k-th place of the order has score k; the published one is at any place."""
    place = np.arange(n)
    scores = np.arange(n)
    bits = np.array([np.delete(scores, j) > scores[j] for j in place])
    for test, size in ((stats.optimal(n, 0.05), claimed), (stats.rank(n, 0.05), 0.05)):
        assert test.run(bits, np.full(n, n - 1)).claim.mean() == size
    assert sorted(bits.sum(1)) == list(range(n))
    assert re.search(rf"(claims |\(){100 * claimed:.0f} % (of unused images .*|at )n = {n}", PAGE)


def test_a_model_of_the_sum_of_two_indices_leaves_each_test_exact_and_not_the_sets():
    n, level = 100, 0.05
    first, second = np.divmod(np.arange(n * n), n)  # J1, J2: all pairs are as likely
    known = (first + second) % n
    # Image 1 has scores -i: T = J1. Image 2 has scores -((known - i) mod n): T = known - J2 = J1.
    totals = np.stack([first, (known - second) % n])
    for told in (first, second):  # what the model knows says nothing of either
        table = np.histogram2d(told, known, bins=n)[0]
        assert (table == 1).all()
    for total in totals:
        assert (np.bincount(total, minlength=n) == n).all()

    def claimed(pairs):
        return (np.log((pairs + 1) / n).sum(1) <= -chi2.isf(level, 4) / 2).mean()  # Fisher's

    assert claimed(totals.T) == 0.09
    assert claimed(np.stack([first, second], axis=1)) <= level  # were they independent
    assert "Fisher's combination of the two claims .09 at p = .05" in PAGE


def test_given_that_an_audit_is_not_void_the_size_is_at_most_p_over_its_probability():
    test, t = stats.rank(100, 0.05), np.arange(100)
    claims = t <= test.claim[-1]
    attained = t < 10  # void unless few exceed
    assert claims[attained].mean() == pytest.approx(0.05 / attained.mean()) == 0.5
    for void in (t % 2 == 0, t < 50, t > 90, t != 3):
        kept = ~void
        assert claims[kept].mean() <= 0.05 / kept.mean() + 1e-12
        assert (claims & kept).mean() <= test.size() + 1e-12  # over all audits
    assert "claims half of unused images at p = .05" in PAGE


def test_the_size_under_a_shift_of_the_published_versions_score():
    z = np.linspace(-9, 9, 721)
    weight = norm.pdf(z) / norm.pdf(z).sum()
    sizes = [
        sum(w * DEFAULT.power(Fixed(q)) for q, w in zip(norm.sf(z + shift), weight, strict=True))
        for shift in (0.1, 0.5, 1.0)
    ]
    told = re.search(r"gives size (\S+) / (\S+) / (\S+) \(`optimal`", PAGE)
    assert told is not None
    assert sizes == pytest.approx([float(value) for value in told.groups()], abs=5e-4)


def test_stouffer_says_nothing_of_stopped_p_values():
    mass = DEFAULT.states.mass(stats.NULL)
    p = DEFAULT.p_value(DEFAULT.states.t, DEFAULT.states.s)
    assert mass[p > 1 - 1e-12].sum() == pytest.approx(1 / 6, abs=1e-12)
    assert DEFAULT.stop[5] == 5
    assert stats.stouffer(np.log([1.0, 1e-9, 1e-9])) == 0.0
    assert stats.fisher(np.log([1.0, 1e-9, 1e-9])) < np.log(1e-10)
    assert round(1 - (5 / 6) ** 10, 2) == 0.84


def test_optimal_is_dominated_where_the_exceedance_rate_is_fixed():
    law = Fixed(0.02)
    ours, other = stats.optimal(1000, 0.01), stats.besag_clifford(1000, 0.01, h=1)
    assert ours.power(law) == pytest.approx(0.0227, abs=5e-4)
    assert other.power(law) == pytest.approx(0.135, abs=5e-4)
    assert ours.expected_queries(law) == pytest.approx(180.1, abs=0.5)
    assert other.expected_queries(law) == pytest.approx(43, abs=0.5)
    assert max(ours.size(), other.size()) <= 0.01 + 1e-15


def test_only_a_threshold_test_must_read_so_much_before_it_claims():
    n, p = 40, Fraction(1, 20)
    for t in range(1, n):
        claim = np.full(n, -1)
        claim[t:] = 0
        size = Boundary(claim=claim, stop=np.ones(n, int)).size()
        assert (size <= float(p) + 1e-12) == (t >= 19)
    # Null probability of one path of comparisons, step by step.
    mass, exceeded = Fraction(1), 0
    for t, bit in enumerate((1, 1, 0, 0)):
        chance = Fraction(exceeded + 1, t + 2)
        mass *= chance if bit else 1 - chance
        exceeded += bit
    assert mass == Fraction(1, 30) <= p
