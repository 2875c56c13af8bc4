"""Models that know of no secret but drift, are noisy, or look at nothing: how often they claim."""

from __future__ import annotations

import argparse

import numpy as np
import pytest
from scipy.stats import binomtest
from tools.drift import LEVELS, SCORE, Drifting, cell, numbered, shown, table, which

from taggant import stats
from taggant.auditing.controls import BLIND, DRIFTED
from taggant.auditing.engine import read
from taggant.auditing.instance import claims_by_p, decide
from taggant.score import Oracle

SIGNED, MIXED = LEVELS.values()
FEW = argparse.Namespace(audits=12, images=50, n=100, batch=32)
IMAGES = FEW.audits * FEW.images


def size_is_kept(claims):
    return stats.clopper_pearson(claims, IMAGES).low <= 0.05


@pytest.mark.parametrize("levels", [SIGNED, MIXED])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.2])
def test_a_steady_model_is_seldom_void_and_noise_takes_claims_away(levels, noise):
    claims, taken, void = cell(levels, noise, 0.0, FEW)
    assert void <= 1
    assert size_is_kept(claims)
    assert claims + taken > 0.02 * IMAGES
    assert (taken > 0) == (noise > 0)


@pytest.mark.parametrize(("noise", "flattening"), [(0.05, 0.018), (0.001, 0.001), (0.0, 0.0003)])
def test_a_model_that_flattens_by_more_than_its_mean_moves_error_is_void(noise, flattening):
    # The first of these claimed .101 of unused images, and 2 of 100 audits were void, as long as
    # a control alone had to move by more than ten times the noise.
    claims, _, void = cell(SIGNED, noise, flattening, FEW)
    assert void == FEW.audits
    assert claims == 0


@pytest.mark.parametrize("flattening", [0.0003, 0.003, 0.018])
def test_what_the_mean_does_not_show_is_taken_away_by_doubt(flattening):
    """Levels of both signs: flattening moves as many scores up as down."""
    claims, taken, void = cell(MIXED, 0.2, flattening, FEW)
    assert size_is_kept(claims)
    assert void < FEW.audits
    assert taken > claims


CONSTANT = np.zeros((200, 100))


@pytest.mark.parametrize("name", ["optimal", "pprm", "rank", "besag_clifford", "two_sided"])
def test_a_constant_model_claims_nothing(name):
    test = {
        "optimal": stats.optimal(100, 0.05),
        "pprm": stats.pprm(100, 0.05),
        "rank": stats.rank(100, 0.05, curtailed=True),
        "besag_clifford": stats.besag_clifford(100, 0.05),
        "two_sided": stats.two_sided(stats.optimal, 100, 0.05),
    }[name]
    instances = numbered(200, 100, 0)
    readings = read(Oracle(Drifting(CONSTANT), shown, 64), SCORE, instances, [test])
    assert readings.fault is None
    result = decide(readings, test, 0.05, instances.published.used, 1)
    assert not result.claim.any()
    assert (
        result.taken.sum()
        == result.rates()["claims_taken_used"] + (result.rates()["claims_taken_unused"])
    )
    assert 0 < result.taken.sum() < 20  # of 200 by keys alone, 10 are expected
    assert result.p_value.min() > 0.05


@pytest.mark.parametrize("slope", [-1.0, 1.0])
def test_a_model_that_answers_by_the_versions_number_is_claimed_as_often_as_is_said(slope):
    """An order that were the versions' own would read all the lower ones first: size .64."""
    test, by_number = stats.optimal(100, 0.05), np.tile(slope * np.arange(100.0), (400, 1))
    instances = numbered(400, 100, 3)
    readings = read(Oracle(Drifting(by_number), shown, 64), SCORE, instances, [test])
    claims = int(decide(readings, test, 0.05, instances.published.used, 1).claim.sum())
    assert binomtest(claims, 400, test.size()).pvalue > 1e-3


def test_full_rank_figures_of_a_constant_model_claim_nothing():
    instances = numbered(200, 100, 0)
    readings = read(Oracle(Drifting(CONSTANT), shown, 64), SCORE, instances)
    rates = claims_by_p(readings, instances.published.used, [0.05, 0.2])
    assert rates["detection_rate"].to_list() == rates["false_detection_rate"].to_list() == [0, 0]


def test_one_answer_per_image_is_void():
    instances = numbered(40, 20, 0)
    own = np.repeat(np.arange(40.0)[:, None], 20, axis=1)
    readings = read(Oracle(Drifting(own), shown, 16), SCORE, instances, [stats.optimal(20, 0.1)])
    assert readings.fault == BLIND


class Changing(Drifting):
    """Answers some versions, [images], by so much less whenever they are asked again."""

    def __init__(self, scores, versions, by):
        super().__init__(scores)
        self.versions, self.by, self.known = versions, by, set()

    def forward(self, images):
        answers = super().forward(images)
        for row, (i, j) in enumerate(zip(*map(list, which(images)), strict=True)):
            if j == self.versions[i]:
                answers[row] -= self.by[i] * (i in self.known)
                self.known.add(i)
        return answers


def test_published_versions_that_move_alone_void_the_audit():
    """Controls that are recognised and kept steady are not enough to hide it."""
    instances, test = numbered(60, 50, 0), stats.optimal(50, 0.1)
    published = np.array(instances.ledger.published)
    by = np.where(np.arange(60) < 8, 0.0, 0.5)  # the first ones may be controls
    model = Changing(table(MIXED, 60, 50, 0), published, by)
    assert read(Oracle(model, shown, 16), SCORE, instances, [test]).fault == DRIFTED


def test_an_answer_that_moved_takes_away_what_it_decided():
    """Ten published versions are answered a little higher at first than later, and claimed so."""
    instances, test = numbered(60, 50, 0), stats.optimal(50, 0.1)
    published = np.array(instances.ledger.published)
    scores, every = table(MIXED, 60, 50, 0), np.arange(60)
    scores[:10] = scores[:10, :1] + 1e-3 * (scores[:10] - scores[:10, :1])
    scores[every, published] = np.where(every < 10, scores.min(1), scores.max(1)) + 0.02
    by = np.where(every < 10, 0.02, 0.0)  # back among the hidden ones, which are .005 apart
    model = Changing(scores, published, by)
    readings = read(Oracle(model, shown, 16), SCORE, instances, [test])
    assert readings.fault is None
    result = decide(readings, test, 0.1, instances.published.used, 1)
    assert result.claim[10:].all()
    assert not result.claim[:10].any()
    assert result.taken[:10].all()
