from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.stats import binomtest

from taggant import stats
from taggant.auditing.instance import InstanceAudit, claims_by_p, decide
from taggant.auditing.readings import Readings

TEST = functools.partial(stats.optimal)


def readings(count=200, n=100, q=0.0, seed=0) -> Readings:
    bits = np.random.default_rng(seed).random((count, n - 1)) < q
    return Readings(bits, np.zeros_like(bits), np.full(count, n - 1), n, 0.0, 0)


def test_rates_count_each_group_with_exact_intervals():
    used = np.arange(200) < 120
    one, other = readings(q=0.0), readings(q=0.9, seed=1)
    mixed = Readings(
        np.where(used[:, None], one.bits, other.bits), one.doubtful, one.reads, 100, 0.0, 0
    )
    result = decide(mixed, stats.optimal(100, 0.05), 0.05, used, views=4)
    rates = result.rates()
    assert (rates["detection_rate"], rates["used"]) == (1.0, 120)
    assert (rates["false_detection_rate"], rates["unused"]) == (0.0, 80)
    exact = binomtest(120, 120).proportion_ci(0.95, "exact")
    assert rates["detection_rate_ci"] == pytest.approx([exact.low, exact.high])
    assert rates["mean_queries_used"] == 4 * (1 + rates["mean_versions_read_used"])
    assert result.size <= 0.05
    assert ((result.p_value <= result.size + 1e-12) == result.claim).all()


def test_claims_by_p_is_the_rank_test_at_each_p():
    full = readings(q=0.05)
    used = np.arange(200) < 100
    table = claims_by_p(full, used, [0.01, 0.05, 0.2])
    ranks = full.exceedances() + 1
    for row in table.iter_rows(named=True):
        assert row["detection_rate"] == (ranks[used] <= round(row["p"] * 100)).mean()


def test_levels_hold_p_and_the_curve_once():
    audit = InstanceAudit(p=0.05, test=TEST, curve=[0.1, 0.05])
    assert audit.levels == (0.05, 0.1)
    assert set(audit.boundaries(100)) == {0.05, 0.1}


@pytest.mark.parametrize("p", [0, 1, -0.1, 5])
def test_p_outside_its_range_is_refused(p):
    with pytest.raises(ValueError, match=f"audit.p = {p}"):
        InstanceAudit(p=p, test=TEST)


def test_too_few_versions_for_p_are_refused():
    with pytest.raises(ValueError, match=r"0\.01"):
        InstanceAudit(p=0.01, test=TEST).boundaries(50)
