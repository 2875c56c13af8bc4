from __future__ import annotations

import dataclasses
import functools
import math

import pytest
import torch
from tests.conftest import random_set

from taggant.data.resized_crop import ResizedCrop
from taggant.victim.small_net import SmallNet
from taggant.victim.ssl.probes import knn
from taggant.victim.ssl.simclr import SimCLR
from taggant.victim.ssl.views import Views

OPTIONS = {
    "net": functools.partial(SmallNet, width=2),
    "probe": knn,
    "epochs": 1,
    "batch_size": 8,
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "snapshots": 1,
    "classes": 4,
    "channels": 3,
    "image_size": 16,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    "augment": Views(ResizedCrop()),
    "hidden": 16,
    "out": 8,
}


def simclr(**changes) -> SimCLR:
    return SimCLR(**{**OPTIONS, **changes})


def test_it_answers_with_features_and_projects_them():
    victim, images = simclr().eval(), random_set(5).images
    assert victim(images).shape == (5, victim.features)
    assert torch.equal(victim.project(images), victim.head(victim(images)))
    assert torch.equal(victim.targets(random_set(5)), torch.zeros(5))


def test_utility_is_the_probe_and_nothing_without_labels():
    victim, data = simclr().eval(), random_set(40)
    expected = knn(victim(data.images), data.labels)
    assert victim.utility(data) == pytest.approx(expected)
    bare = dataclasses.replace(data, labels=None, captions=("",) * 40)
    assert math.isnan(victim.utility(bare))


def test_the_projector_is_trained_with_the_network():
    victim, data = simclr(), random_set(8)
    views, _ = next(iter(victim.batches(data, 0, torch.device("cpu"))))
    victim.loss(*views.unbind(1)).backward()
    assert all(weight.grad is not None for weight in victim.parameters())
