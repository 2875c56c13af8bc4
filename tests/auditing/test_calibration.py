"""The guarantee, tried: models that know nothing of the published index give uniform ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, chisquare
from tools.calibration import LEVELS, P, audited, stopped, victim

from taggant import stats
from taggant.auditing.engine import read
from taggant.data.augment import CropFlip
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.view_sets import Grid, Hardest, Mixed, Random

N, COUNT = 20, 1000
SCORES = ["loss", "margin", "hinge", "entropy", "modified_entropy"]
CLASSIFIED = ["full", "top_k", "rounded", "label"]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("level", CLASSIFIED)
@pytest.mark.parametrize("kind", ["untrained", "raw"])
def test_exceedances_are_uniform(kind, level, score):
    access = LEVELS[level].access
    oracle = Oracle(victim(kind, "logits", COUNT), access, batch_size=4096)
    statistic = Score(getattr(membership, score), access)
    exceedances = read(oracle, statistic, audited(N, COUNT)).exceedances()
    # 40 seeded tests: at 1e-4 each, one of them would fail by chance for one seed in 250.
    assert chisquare(np.bincount(exceedances, minlength=N)).pvalue > 1e-4


@pytest.mark.parametrize("n", [20, 100, 1000])
@pytest.mark.parametrize("level", LEVELS)
def test_stopped_audits_claim_as_often_as_is_said(level, n):
    """At full size: ``python tools/calibration.py``."""
    count, test = 200, stats.optimal(n, P)
    result = stopped(level, test, count)
    assert result.fault is None
    exact = int((result.claim | result.taken).sum())
    assert binomtest(exact, count, test.size()).pvalue > 1e-4
    assert result.claim.sum() == exact - result.taken.sum()
    if level == "label":
        assert not result.claim.any()


def test_the_victim_knows_many_of_the_raw_pictures():
    raw = audited(N, COUNT).raw
    answers = victim("raw", "logits", COUNT)(raw.images)
    assert (answers.argmax(1) == raw.labels).float().mean() > 0.5


def test_every_access_level_is_among_them():
    files = Path(__file__).parents[2] / "conf" / "score" / "access"
    inside = {"latents", "pixels"}  # of scores that look into the model: see tests/score
    assert {file.stem for file in files.glob("*.yaml")} - inside == set(LEVELS)


@pytest.mark.parametrize("view_set", [Random(), Grid(), Hardest(), Mixed()])
@pytest.mark.parametrize("kind", ["untrained", "raw"])
def test_exceedances_are_uniform_through_any_views(kind, view_set):
    oracle = Oracle(victim(kind, "logits", COUNT), Full(), batch_size=4096)
    score = Score(membership.loss, Full(), 2, CropFlip(1), view_set=view_set)
    exceedances = read(oracle, score, audited(N, COUNT)).exceedances()
    assert chisquare(np.bincount(exceedances, minlength=N)).pvalue > 1e-4


@pytest.mark.parametrize("evaluated_without_trace", ["raw", "published"])
def test_views_chosen_on_the_published_version_would_break_the_null(evaluated_without_trace):
    """What the raw image is for."""
    few, owner = COUNT, audited(N, COUNT)
    raw = owner.raw.select(list(range(few)))
    oracle = Oracle(victim("raw", "logits", COUNT), Full(), batch_size=4096)
    score = Score(membership.loss, Full(), 2, CropFlip(1), view_set=Hardest())
    indices = np.tile(np.arange(N), (few, 1))
    versions = owner.scheme.versions(
        [owner.ledger.draws().secret] * len(raw.ids), raw.images, raw.ids, indices
    )
    published = np.array(owner.ledger.published[:few])
    seen = raw.images if evaluated_without_trace == "raw" else versions[np.arange(few), published]
    views = score.views_of(oracle, seen, raw.labels, range(few)).repeat_interleave(N, 0)
    labels = raw.labels.repeat_interleave(N)
    scores = score(oracle, versions.flatten(0, 1), labels, views).view(few, N).numpy()
    exceedances = (scores > scores[np.arange(few), published][:, None]).sum(1)
    p_value = chisquare(np.bincount(exceedances, minlength=N)).pvalue
    assert (p_value > 1e-4) == (evaluated_without_trace == "raw")
