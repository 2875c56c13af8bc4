"""What reference models make of scores of whole images."""

from __future__ import annotations

import numpy as np
import pytest
from hydra.utils import instantiate
from scipy.stats import norm

from taggant.auditing.attacks import alone, calibrated, lira, of_each, rmia, usual
from taggant.groups import compose_config, options_of

HALF = np.array(
    [[True, False, True, False], [False, True, False, True], [True, False, True, False]]
)


def test_scores_of_each_image_by_what_the_models_learned():
    theirs = np.arange(12.0).reshape(3, 4)
    assert of_each(theirs, HALF).tolist() == [[0, 2], [5, 7], [8, 10]]
    assert of_each(theirs, ~HALF).tolist() == [[1, 3], [4, 6], [9, 11]]


def test_what_references_explain_is_taken_away():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    used = np.arange(300) < 100
    scores = 3 * hard + hard**2 + used
    left = calibrated(scores, np.stack([hard, hard], 1), np.zeros((300, 2), bool))
    assert np.corrcoef(left, used)[0, 1] > 0.99
    assert abs(left.mean()) < 1e-9


def test_the_likelihood_ratio_is_that_of_two_normal_distributions():
    inside = np.array([[4.0, 6.0], [1.0, 3.0], [9.0, 11.0]])
    outside = np.array([[0.0, 2.0], [-1.0, 1.0], [0.0, 2.0]])
    theirs = np.empty((3, 4))
    theirs[HALF], theirs[~HALF] = inside.ravel(), outside.ravel()
    found = lira(np.array([5.0, 2.0, 1.0]), theirs, HALF)
    spread = (2.0 * 1.5) ** 0.5  # variance of two that differ by 2, and that of their mean
    known = norm.logpdf([5, 2, 1], [5, 2, 10], spread)
    assert found == pytest.approx(known - norm.logpdf([5, 2, 1], [1, 0, 1], spread))
    assert found[0] > 0 > found[2]


def test_references_that_agree_to_the_last_bit_do_not_divide_by_zero():
    assert np.isfinite(lira(np.zeros(3), np.zeros((3, 4)), HALF)).all()


def test_a_ratio_of_likelihoods_needs_models_that_learned_the_images():
    with pytest.raises(ValueError, match="choose reference=known"):
        lira(np.zeros(3), np.zeros((3, 4)), np.zeros((3, 4), bool))


def test_rmia_divides_by_the_mean_confidence_of_the_references():
    theirs = np.log([[0.2, 0.4, 0.2, 0.4], [0.9, 0.9, 0.9, 0.9], [0.1, 0.1, 0.1, 0.5]])
    found = rmia(np.log([0.6, 0.9, 0.1]), theirs, HALF)
    assert np.exp(found) == pytest.approx([2, 1, 0.5])


def test_alone_asks_no_reference():
    scores = np.array([3.0, 1.0, 2.0])
    assert alone(scores, np.full((3, 4), np.nan), HALF).tolist() == scores.tolist()


def test_the_usual_attack_goes_by_what_the_references_know():
    assert usual(HALF) is lira
    assert usual(~(HALF | ~HALF)) is calibrated


@pytest.mark.parametrize("name", options_of("audit/attack"))
def test_no_attack_is_moved_by_which_image_stands_where(name):
    attack = instantiate(compose_config(["audit=combined", f"audit/attack={name}"]).audit).attack
    rng = np.random.default_rng(1)
    scores, theirs = rng.normal(size=40), rng.normal(size=(40, 4))
    inside = HALF[rng.integers(0, 2, 40)]
    order = rng.permutation(40)
    found = attack(scores, theirs, inside)
    assert attack(scores[order], theirs[order], inside[order]) == pytest.approx(found[order])
    assert found.shape == (40,)
