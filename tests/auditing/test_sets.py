"""Sets of images by their version ranks alone: what is claimed of them, and how many were used."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from taggant.auditing.sets import LEVELS, Evidence, all_published, by_set, set_evidence

IMAGES, N = 20, 50


def ranks(rng, used: int):
    """(T + U)/n of images of which the first were used, and one in thirty versions beats them."""
    beaten = rng.beta(1, np.where(np.arange(IMAGES) < used, 29, 1))
    return (rng.binomial(N - 1, beaten) + rng.random(IMAGES)) / N


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_bound_on_how_many_were_used_covers(share):
    rng, used = np.random.default_rng(7), round(share * IMAGES)
    found = np.array([all_published(ranks(rng, used))["used_at_least"] for _ in range(400)])
    assert np.mean(found <= used) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 400)
    assert found.mean() >= 0.4 * used if share > 0.1 else True  # it is no empty bound


def test_the_owners_p_value_is_uniform_if_no_image_was_used():
    rng = np.random.default_rng(8)
    none, all_used = (
        [10 ** all_published(ranks(rng, used))["owner_log10_p"] for _ in range(400)]
        for used in (0, IMAGES)
    )
    assert kstest(none, "uniform").pvalue > 0.001
    assert np.max(all_used) < 1e-6


def test_sets_without_withheld_images():
    rng = np.random.default_rng(9)
    found, used = Evidence(ranks(rng, 10)), np.arange(IMAGES) < 10
    table = by_set(found, used, (2, 10, 11), seed=0, count=40)
    assert table["evidence"].unique().to_list() == ["versions"]
    assert table["size"].unique(maintain_order=True).to_list() == [2, 10]
    assert table.height == 2 * 2 * len(LEVELS)
    rows = np.array([[0, 1, 2], [17, 18, 19]])
    log_p = set_evidence(found, rows, 0.5)["versions"]
    alone = [all_published(found.versions[row])["owner_log10_p"] for row in rows]
    assert log_p / np.log(10) == pytest.approx(np.array(alone))
    assert by_set(found, used, (50,), seed=0).height == 0
