"""Victims that learn from, or answer with, something else than images, labels and logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import GRADED, method
from tests.victim.test_classifier import OPTIONS
from tests.victim.test_linear_probe import probe

from taggant.unlearning.request import Request
from taggant.victim.distilled import Distilled
from taggant.victim.label_noise import LabelNoise
from taggant.victim.noisy_answers import NoisyAnswers

CPU = torch.device("cpu")
DATA = random_set(40)
FORGOTTEN = np.arange(0, 40, 4)
FORGET = DATA.select(FORGOTTEN)
RETAIN = DATA.select(np.setdiff1d(np.arange(40), FORGOTTEN))


def unlearned(victim, name: str) -> dict[str, torch.Tensor]:
    def fresh():
        torch.manual_seed(1)
        return type(victim)(0.0, **OPTIONS)

    method(name)(Request(victim, FORGET, RETAIN, 3, CPU, None, fresh))
    return victim.state_dict()


def noisy(noise: float) -> NoisyAnswers:
    torch.manual_seed(0)
    return NoisyAnswers(noise, **OPTIONS)


@pytest.mark.parametrize("name", GRADED)
def test_noise_in_the_answers_plays_no_part(name):
    loud, silent = unlearned(noisy(0.5), name), unlearned(noisy(0.0), name)
    assert all(torch.equal(loud[key], silent[key]) for key in silent)


def test_a_request_finds_the_wrong_labels_that_were_learned():
    """Also after the weights were saved, and whatever the request's own seed and set are."""
    victim = LabelNoise(0.5, **OPTIONS)
    learned = victim.batches(DATA, 0, CPU).targets
    loaded = LabelNoise(0.5, **OPTIONS)
    loaded.load_state_dict(victim.state_dict())
    found = loaded.batches(FORGET, 9, CPU, plain=True).targets
    assert torch.equal(found, learned[FORGOTTEN])
    assert not torch.equal(found, FORGET.labels)


def test_a_probe_keeps_the_scale_of_the_features_that_it_learned_on():
    victim = probe()
    victim.batches(DATA, 0, CPU)
    scale = victim.scale.clone()
    other = probe()
    other.batches(FORGET, 0, CPU)
    assert not torch.equal(other.scale, scale)
    victim.batches(FORGET, 0, CPU, plain=True)
    assert torch.equal(victim.scale, scale)


@pytest.mark.parametrize("name", GRADED)
def test_a_student_of_a_black_box_is_refused_to_all_but_retraining(name):
    chosen = method(name)
    with pytest.raises(ValueError, match=rf"{type(chosen).__name__} needs .* Distilled does not"):
        chosen.check(Distilled)
    method("retrain").check(Distilled)
