from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from tests.victim.test_classifier import OPTIONS

from taggant.victim.label_noise import LabelNoise

CPU = torch.device("cpu")


def learned(noise: float, seed: int = 0):
    """What a victim learns of 200 images: pixels and labels in the set's own order."""
    victim = LabelNoise(noise, **OPTIONS)
    batches = victim.batches(random_set(200), seed, CPU)
    return batches.images, batches.targets


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_the_share_asked_for_is_wrong_and_pixels_stay(noise):
    data = random_set(200)
    images, labels = learned(noise)
    assert torch.equal(images, data.images)
    assert int((labels != data.labels).sum()) == round(noise * 200)
    assert set(labels.tolist()) <= set(range(OPTIONS["classes"]))


def test_the_seed_alone_decides_which():
    assert torch.equal(learned(0.3)[1], learned(0.3)[1])
    assert not torch.equal(learned(0.3)[1], learned(0.3, seed=1)[1])


def test_audits_compare_with_the_owner_s_labels():
    data = random_set(20)
    assert torch.equal(LabelNoise(1.0, **OPTIONS).targets(data), data.labels)


def test_other_shares_are_refused():
    with pytest.raises(ValueError, match=r"victim\.label_noise = 1\.5"):
        LabelNoise(1.5, **OPTIONS)
