"""Victims that learn from, or answer with, something else than images, labels and logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import GRADED, method
from tests.victim.test_classifier import OPTIONS
from tests.victim.test_linear_probe import probe

from taggant.victim.distilled import Distilled
from taggant.victim.label_noise import LabelNoise
from taggant.victim.split_ensemble import SplitEnsemble

CPU = torch.device("cpu")
DATA = random_set(40)
FORGOTTEN = np.arange(0, 40, 4)
FORGET = DATA.select(FORGOTTEN)


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
def test_a_student_is_refused_to_all_but_retraining(name):
    chosen = method(name)
    for victim in (Distilled, SplitEnsemble):
        said = rf"{type(chosen).__name__} needs .* {victim.__name__} does not"
        with pytest.raises(ValueError, match=said):
            chosen.check(victim)
        method("retrain").check(victim)
