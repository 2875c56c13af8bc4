from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from tests.victim.test_classifier import OPTIONS

from taggant.victim.noisy_answers import NoisyAnswers

IMAGES = random_set(200).images


def noisy(sd: float) -> NoisyAnswers:
    torch.manual_seed(0)
    return NoisyAnswers(sd, **OPTIONS)


def test_an_answer_follows_from_the_image_alone():
    victim = noisy(0.1).eval()
    together = victim(IMAGES)
    torch.testing.assert_close(victim(IMAGES.flip(0)).flip(0), together)
    torch.testing.assert_close(victim(IMAGES[:1]), together[:1])


def test_confidences_carry_noise_of_the_size_asked_for():
    victim, silent = noisy(0.01).eval(), noisy(0.0).eval()
    added = victim(IMAGES).exp() - silent(IMAGES).exp()
    assert added.mean().item() == pytest.approx(0, abs=0.002)
    assert added.std().item() == pytest.approx(0.01, rel=0.1)


def test_training_sees_none():
    torch.testing.assert_close(noisy(9.0).train()(IMAGES), noisy(0.0).train()(IMAGES))


def test_less_than_no_noise_is_refused():
    with pytest.raises(ValueError, match=r"victim\.answer_noise = -1"):
        noisy(-1)
