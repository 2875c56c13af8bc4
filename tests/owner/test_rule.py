from fractions import Fraction
from types import SimpleNamespace

import pytest

from taggant.owner import rule
from taggant.owner.rule import Rule


def test_planned_levels_lose_no_rank(monkeypatch):
    """A level of k/n as six digits of a decimal is below k/n for most n: a rank is lost, or all."""
    for n in range(2, 400):
        for k in {1, 2, max(1, n // 20)} & set(range(n)):
            plan = SimpleNamespace(level=Fraction(k, n))
            monkeypatch.setattr(rule, "plan_set", lambda *_, plan=plan: plan)
            made = Rule.discoveries("0.05", 20, n, 0.5)
            assert int(Fraction(made.level) * n) == k


@pytest.mark.parametrize("n", [30, 147, 300])
def test_planned_rules_make_the_planned_test(n):
    made = Rule.discoveries("0.2", 6, n, 0.9)
    assert made.boundary(n).size() <= float(Fraction(made.level))
    assert Fraction(made.level) * n >= 1
