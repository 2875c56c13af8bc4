import math
import re
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from taggant import stats
from taggant.stats import Beta
from taggant.stats.discoveries import claims_law
from taggant.stats.sets import _design, _Outlook, plan_set


@pytest.mark.parametrize("m", [1, 2, 17, 400])
@pytest.mark.parametrize("q", [0.05, 0.5])
def test_uniform_p_values_give_any_claim_with_probability_q(m, q):
    law = claims_law(q * np.arange(1, m + 1) / m)
    assert law[0] == pytest.approx(1 - q, rel=1e-10)
    assert law.sum() == pytest.approx(1, rel=1e-10)


def test_law_of_claims_by_enumeration_of_discrete_p_values():
    values, mass, m, q = np.array([0.02, 0.05, 0.07, 0.2, 1.0]), [0.2, 0.1, 0.15, 0.05, 0.5], 4, 0.2
    law = np.zeros(m + 1)
    for picked in product(range(5), repeat=m):
        claims = stats.benjamini_hochberg(values[list(picked)], q).rejected.sum()
        law[claims] += math.prod(mass[k] for k in picked)
    steps = q * np.arange(1, m + 1) / m
    chance = [sum(w for v, w in zip(values, mass, strict=True) if v <= x + 1e-12) for x in steps]
    np.testing.assert_allclose(claims_law(np.array(chance)), law, atol=1e-14)


def test_chance_zero_and_one():
    np.testing.assert_array_equal(claims_law(np.zeros(3)), [1, 0, 0, 0])
    np.testing.assert_array_equal(claims_law(np.ones(3)), [0, 0, 0, 1])
    np.testing.assert_array_equal(claims_law(np.array([0.0, 0.0, 1.0])), [0, 0, 0, 1])


def test_expected_claims_are_those_of_simulated_audits():
    """Used and unused images, their bits, the planned test and Benjamini-Hochberg."""
    m, q, used, law, n, sets = 30, 0.1, 0.3, Beta(1, 50), 120, 1500
    made = plan_set(m, q, used, law, n)
    rng = np.random.default_rng(0)
    shares = rng.random(m * sets)
    shares = np.where(rng.random(m * sets) < used, rng.beta(1, law.b, m * sets), shares)
    bits = rng.random((m * sets, n - 1)) < shares[:, None]
    p = made.boundary.run(bits).p_value.reshape(sets, m)
    claims = np.array([stats.benjamini_hochberg(row, q).rejected.sum() for row in p])
    assert made.discoveries == pytest.approx(claims.mean(), abs=4 * claims.std() / sets**0.5)
    assert made.p_none == pytest.approx((claims == 0).mean(), abs=4 * 0.5 / sets**0.5)
    assert 0.1 < made.p_none < 0.9
    assert 0.85 * made.discoveries_full < made.discoveries <= made.discoveries_full
    assert made.reads_used < n
    assert made.reads_unused < n / 4


def test_no_other_level_has_many_more_claims():
    m, q, used, law, n = 20, 0.2, 0.4, Beta(1, 50), 60
    made = plan_set(m, q, used, law, n)
    outlook = _Outlook(m, Fraction(q).limit_denominator(10), used, law)
    for k in range(1, 13):
        law_of = outlook.of(stats.optimal(n, Fraction(k, n), min_power_share=0.995))
        assert law_of @ np.arange(m + 1) <= made.discoveries * 1.02


def test_a_set_near_the_balance_is_planned_for_what_it_is():
    """As an infinite set it was given level .001 and no claim."""
    made = plan_set(1000, 0.1, 0.2, Beta(1, 50), 1000)
    assert made.discoveries > 36
    assert 0.3 < made.p_none < 0.45
    assert 0.004 <= made.level <= 0.007


def test_few_images():
    one = plan_set(1, 0.05, 0.5, Beta(1, 50), 100)  # Benjamini-Hochberg of one: p <= q
    assert one.level == Fraction(1, 20)
    power = 0.5 * one.boundary.power(Beta(1, 50)) + 0.5 * one.boundary.size()
    assert one.discoveries == pytest.approx(power, rel=1e-9)
    assert one.p_none == pytest.approx(1 - power, rel=1e-9)
    rank = stats.rank(100, 0.05)
    full = 0.5 * rank.power(Beta(1, 50)) + 0.5 * rank.size()
    assert one.discoveries_full == pytest.approx(full, rel=1e-9)


def test_one_image_may_be_claimed_with_as_few_versions_as_q_allows():
    law = Beta(1, 500)
    made = plan_set(1, 0.05, 1.0, law, 20)  # its published version ranks first
    assert made.level == Fraction(1, 20)
    assert made.discoveries == pytest.approx(500 / 519)


def test_the_design_is_the_law_or_the_nearest_against_which_few_exceedances_are_evidence():
    laws = (Beta(1, 50), Beta(0.2, 0.8), Beta(2, 98), Beta(3, 4.5))
    assert [_design(law) for law in laws] == [
        Beta(1, 50), Beta(0.2, 1), Beta(1, 49), Beta(1, 1.5)
    ]  # fmt: skip


def test_levels_are_never_below_one_version_in_n():
    for n in (30, 37, 60, 300):
        made = plan_set(200, 0.2, 0.6, Beta(1, 50), n)
        assert made.level * n >= 1
        assert made.boundary.size() <= made.level


@pytest.mark.parametrize("law", [Beta(2, 98), Beta(0.2, 0.8), Beta(0.5, 20)])
def test_any_law_of_used_images_is_planned_for(law):
    assert plan_set(20, 0.2, 0.7, law, 40).discoveries > 1


def test_versions_follow_from_the_level_if_none_are_given():
    made = plan_set(3, 0.2, 0.9, Beta(1, 50))
    assert made.n == 10 * made.n_least
    assert made.n_least * made.level >= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((300, 0.05, 0.3, Beta.with_mean(0.4), 200), "nothing can be promised"),
        ((5, 0.1, 0.01, Beta(1, 50), 100), "nothing can be promised"),
        ((300, 0.05, 0.3, Beta(1, 50), 19), "n=19 versions at q=0.05.*accepted are n >= 20"),
        ((300, 0.05, 0, Beta(1, 50)), "used=0: accepted are numbers 0 < used <= 1"),
        ((0, 0.05, 0.5, Beta(1, 50)), "images=0: accepted are integers >= 1"),
        ((None, 0.05, 0.5, Beta(1, 50)), "images=None"),
        ((3, math.nan, 0.5, Beta(1, 50)), "q=nan"),
        ((3, 0.05, math.inf, Beta(1, 50)), "used=inf"),
        ((3, 0.05, 0.5, None), "alternative=None: accepted are Beta laws"),
        ((3, 0.05, 0.5, Beta(1, 50), 10**30), "n=1000000000000000000000000000000: accepted"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan_set(*arguments)


@pytest.mark.parametrize(
    ("law", "named"),
    [
        (Beta(5, 2), "Beta(a=5.0, b=2.0)"),
        (Beta(1, 1), "Beta(a=1.0"),
        (Beta(1, 1e10), "Beta(a=1.0, b=10000000000.0)"),
    ],
)
def test_a_law_that_no_test_is_made_for_is_named_as_it_was_given(law, named):
    with pytest.raises(ValueError, match=rf"^alternative={re.escape(named)}.*accepted are Beta"):
        plan_set(20, 0.2, 0.7, law, 40)
