from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from taggant import stats
from taggant.owner import decision
from taggant.owner.decision import DecisionRule, decide


def test_planned_levels_lose_no_rank(monkeypatch):
    """A level of k/n as six digits of a decimal is below k/n for most n: a rank is lost, or all."""
    for n in range(2, 400):
        for k in {1, 2, max(1, n // 20)} & set(range(n)):
            plan = SimpleNamespace(level=Fraction(k, n))
            monkeypatch.setattr(decision, "plan_set", lambda *_, plan=plan: plan)
            made = DecisionRule.discoveries("0.05", 20, n, 0.5)
            assert int(Fraction(made.level) * n) == k


@pytest.mark.parametrize("n", [30, 147, 300])
def test_planned_rules_make_the_planned_test(n):
    made = DecisionRule.discoveries("0.2", 6, n, 0.9)
    assert made.boundary(n).size() <= float(Fraction(made.level))
    assert Fraction(made.level) * n >= 1


@pytest.mark.parametrize("test", ["rank", "pprm", "besag_clifford"])
def test_a_rate_over_pictures_goes_with_the_optimal_test_only(test):
    for level, q in (("0.05", None), ("0.05", "0.1")):
        made = DecisionRule.from_values(test="optimal", level=level, q=q)
        assert made.boundary(100).size() <= 0.05
    assert DecisionRule.each("0.05", test).test == test
    with pytest.raises(ValueError, match=f"test = {test}: with q it is 'optimal'"):
        DecisionRule.from_values(test=test, level="0.05", q="0.1")


def test_pictures_of_which_nothing_was_read_are_undecided():
    with pytest.raises(ValueError, match="1 of 1 instances are undecided"):
        decide(DecisionRule.each("0.2"), stats.optimal(40, 0.2), [np.zeros((2, 0), bool)])


def test_a_level_that_is_given_is_not_planned():
    assert DecisionRule.discoveries("0.2", 6, 100, 0.9, level="0.03").level == "0.03"


def pictures(count=60, n=40):
    """Exceedances and doubts of audits that stopped on their own."""
    random, test = np.random.default_rng(0), stats.optimal(n, 0.2)
    shares = np.where(np.arange(count) < count // 2, 0.01, random.random(count))
    bits = random.random((count, n - 1)) < shares[:, None]
    return test, [np.stack([row[:read], np.zeros(read, bool)]) for row, read in stopped(test, bits)]


def stopped(test, bits):
    return zip(bits, test.run(bits).read, strict=True)


@pytest.mark.parametrize("at_once", [1, 200, 1 << 22])
def test_verdicts_are_those_of_the_statistics(monkeypatch, at_once):
    monkeypatch.setattr(decision, "AT_ONCE", at_once)
    test, rows = pictures()
    alone = [test.run(row[:1], [row.shape[1]]) for row in rows]
    p = np.array([found.p_value[0] for found in alone])
    each = decide(DecisionRule.each("0.2"), test, rows)
    assert each.claim.tolist() == [bool(found.claim[0]) for found in alone]
    assert each.read.tolist() == [row.shape[1] for row in rows]
    assert each.exceedances.tolist() == [int(row[0].sum()) for row in rows]
    np.testing.assert_array_equal(each.p_value, p)
    np.testing.assert_array_equal(each.adjusted, p)
    assert each.set_p == pytest.approx(np.exp(stats.fisher(np.log(p))))
    many = decide(DecisionRule.from_values(test="optimal", level="0.2", q="0.4"), test, rows)
    expected = stats.benjamini_hochberg(p, 0.4)
    assert many.claim.tolist() == expected.rejected.tolist()
    np.testing.assert_array_equal(many.adjusted, expected.adjusted)
    assert 0 < many.claim.sum() < len(rows)
    assert not each.withheld.any()


def test_claims_that_rest_on_doubt_are_withheld():
    test, rows = pictures()
    firm = decide(DecisionRule.each("0.2"), test, rows)
    rows = [np.stack([row[0], np.ones(row.shape[1], bool)]) for row in rows if row[0].any()]
    found = decide(DecisionRule.each("0.2"), test, rows)
    assert not found.claim.any()
    assert 0 < found.withheld.sum() <= firm.claim.sum()
    assert found.p_value.max() <= 1
