"""Plans for sets of an owner's images, and for how many to withhold."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from taggant.owner.cli import app
from taggant.stats import Beta, control_p_values
from taggant.stats.planning_owner import least_withheld, plan_owner, plan_withheld

LAW = Beta.with_mean(0.1)


def test_the_power_of_a_set_of_unused_images_is_its_level():
    for row in plan_owner([1, 4, 10], 0.05, Beta(1, 1), 50):
        assert row.power == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 20_000))


def test_more_images_are_found_more_often():
    one, five, ten = plan_owner([1, 5, 10], "0.001", LAW, 100)
    assert one.power < five.power < 0.9 < ten.power
    # of one image: T + U <= 0.1, so T = 0, and U by chance
    none = np.exp(LAW.log_pmf(99, 0, 100))
    assert one.power == pytest.approx(0.1 * none, abs=0.003)


@pytest.mark.parametrize("p", ["0.05", "0.01", "0.07", "1/3"])
def test_the_least_number_that_reaches_p_does(p):
    m = least_withheld(p)
    (row,) = plan_withheld(p, LAW, [m])
    assert row.power == pytest.approx(np.exp(LAW.log_pmf(m, 0, m + 1)))
    with pytest.raises(ValueError, match=f"accepted are {m} or more"):
        plan_withheld(p, LAW, [m - 1])


def test_the_power_is_that_of_the_p_values():
    rng, m = np.random.default_rng(3), 39
    (row,) = plan_withheld(0.05, LAW, [m])
    published, claims = np.arange(m + 1) == 0, []
    for q in rng.beta(LAW.a, LAW.b, 3000):
        scores = np.r_[1 - q, rng.random(m)]
        claims.append(control_p_values(scores, published, np.zeros(m + 1))[0] <= 0.05)
    assert row.power == pytest.approx(np.mean(claims), abs=4 * np.sqrt(0.25 / 3000))
    powers = [one.power for one in plan_withheld(0.05, LAW)]
    assert powers == sorted(powers)


def test_the_owner_asks_for_both():
    runner = CliRunner()
    asked = runner.invoke(app, ["plan", "--together", "10", "--p", "0.001", "--mean", "0.1"])
    assert (asked.exit_code, "images in the set" in asked.output) == (0, True)
    held = runner.invoke(app, ["plan", "--withhold", "--p", "0.01"])
    assert (held.exit_code, "Withhold 99 at the least" in held.output) == (0, True)
    assert runner.invoke(app, ["plan", "--withhold", "--together", "3"]).exit_code == 2
    assert runner.invoke(app, ["plan", "--together", "0"]).exit_code == 2
