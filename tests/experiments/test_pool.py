"""Rates over several models: means, and intervals that models as clusters deserve."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from experiments.unlearning._pool import interval, pooled
from scipy.stats import t

from taggant.stats import clopper_pearson

RATE, AREA = "forgotten_rate", "auc"


def table(claims, losses=(0.0, 0.0, 0.0), status=("ok", "ok", "ok")) -> pl.DataFrame:
    rows = []
    for seed, (count, loss, state) in enumerate(zip(claims, losses, status, strict=True)):
        row = {"seed": seed, "unlearning": "scrub", "p": 0.05, "forgotten": 200}
        row |= {RATE: count / 200, f"{RATE}_low": 0.0, f"{RATE}_high": 1.0}
        row |= {
            AREA: 0.6 + seed / 10,
            f"{AREA}_low": 0.5 + seed / 10,
            f"{AREA}_high": 0.7 + seed / 10,
        }
        rows.append(row | {"utility_loss": loss, "status": state, "date": f"2026-01-0{seed + 1}"})
    return pl.DataFrame(rows)


def cell(**changes) -> dict[str, object]:
    (row,) = pooled(table(**changes), ["unlearning"], [RATE, AREA]).to_dicts()
    return row


def test_models_that_agree_have_the_exact_interval_of_all_images():
    row = cell(claims=(40, 40, 40))
    exact = clopper_pearson(120, 600)
    assert row[RATE] == pytest.approx(0.2)
    assert (row[f"{RATE}_low"], row[f"{RATE}_high"]) == (float(exact.low), float(exact.high))
    assert row["seeds"] == 3


def test_models_that_differ_have_the_wider_one_of_models():
    row = cell(claims=(10, 40, 70))
    half = t.ppf(0.975, 2) * np.std([0.05, 0.2, 0.35], ddof=1) / np.sqrt(3)
    assert row[f"{RATE}_high"] == pytest.approx(0.2 + half)
    assert row[f"{RATE}_low"] == 0.0  # 0.2 - half is below


def test_one_model_keeps_its_own():
    assert interval(np.array([0.2]), (0.15, 0.26)) == (0.15, 0.26)


def test_measures_that_count_no_images_have_independent_errors_at_least():
    row = cell(claims=(40, 40, 40))
    half = t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert half > 0.1 / np.sqrt(3)
    assert row[AREA] == pytest.approx(0.7)
    assert row[f"{AREA}_low"] == pytest.approx(0.7 - half)


def test_the_worst_status_the_newest_date_and_the_range_of_losses():
    row = cell(claims=(1, 2, 3), losses=(0.1, -0.1, 0.6), status=("ok", "diverged", "collapsed"))
    assert (row["status"], row["date"]) == ("diverged", "2026-01-03")
    assert row["utility_loss"] == pytest.approx(0.2)
    assert (row["utility_loss_least"], row["utility_loss_most"]) == (-0.1, 0.6)


def test_intervals_cover_where_models_differ():
    """Rates of models are normal with deviation .08: of 400 pools of three, 95 % or so cover."""
    random = np.random.default_rng(0)
    models = np.clip(random.normal(0.4, 0.08, (400, 3)), 0, 1)
    claims = random.binomial(200, models)
    hits = 0
    for one in claims:
        exact = clopper_pearson(int(one.sum()), 600)
        low, high = interval(one / 200, (float(exact.low), float(exact.high)))
        hits += low <= 0.4 <= high
    assert hits / 400 > 0.93
