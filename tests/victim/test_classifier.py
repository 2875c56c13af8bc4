from __future__ import annotations

import dataclasses
import functools

import pytest
import torch
from tests.conftest import random_set

from taggant.victim.classifier import Classifier
from taggant.victim.small_net import SmallNet
from taggant.victim.victim import snapshot_epochs

OPTIONS = {
    "net": functools.partial(SmallNet, width=4),
    "epochs": 2,
    "batch_size": 8,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "snapshots": 2,
    "classes": 4,
    "channels": 3,
    "image_size": 16,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
}


def classifier(**changes) -> Classifier:
    return Classifier(**{**OPTIONS, **changes})


def test_normalisation_happens_inside():
    victim = classifier().eval()
    images = random_set(3).images
    mean = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)
    std = torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1)
    expected = victim.net((images / 255 - mean) / std)
    assert torch.allclose(victim(images), expected, atol=1e-5)
    assert images.dtype == torch.uint8


def test_width_reaches_nets_that_have_one():
    assert classifier(net=SmallNet, width=5).net.features[0].out_channels == 5


def test_utility_is_accuracy_over_all_images():
    victim = classifier().eval()
    data = random_set(600)
    right = (victim(data.images).argmax(1) == data.labels).float().mean()
    assert victim.utility(data) == pytest.approx(float(right))


@pytest.mark.parametrize(
    ("snapshots", "epochs", "expected"),
    [(4, 60, (15, 30, 45, 60)), (3, 2, (1, 2)), ([1, 7], 10, (1, 7, 10)), (0, 5, (5,))],
)
def test_snapshot_epochs(snapshots, epochs, expected):
    assert snapshot_epochs(snapshots, epochs) == expected


def test_a_set_without_labels_is_refused():
    bare = dataclasses.replace(random_set(4), labels=None, captions=("",) * 4)
    with pytest.raises(ValueError, match="noise has no labels"):
        classifier().targets(bare)


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"victim\.lr = 0"):
        classifier(lr=0)
    with pytest.raises(ValueError, match=r"snapshots = \[3\]: accepted are epochs 1 to 2"):
        classifier(snapshots=[3])
    with pytest.raises(ValueError, match=r"epochs = 0"):
        classifier(epochs=0)
