from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker
from torch.nn.functional import cross_entropy

from taggant.data.augment import CropFlip
from taggant.marking.features import frozen_features
from taggant.victim.linear_probe import LinearProbe

TRAINING = {
    "epochs": 3,
    "batch_size": 16,
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "snapshots": 1,
    "mean": (0.5, 0.5, 0.5),
    "std": (0.3, 0.3, 0.3),
}


def probe(**more) -> LinearProbe:
    return LinearProbe(marker(), classes=4, channels=3, image_size=16, **TRAINING, **more)


def test_features_are_the_markers_and_are_computed_once(monkeypatch):
    data = random_set(40, seed=11)
    phi = marker()
    found = frozen_features(phi, data.images)
    assert torch.allclose(found, phi.features(data.images.float()), atol=1e-5)
    assert frozen_features(phi, data.images[:0]).shape == (0, found.shape[1])
    asked = []
    kept = type(phi).features
    monkeypatch.setattr(type(phi), "features", lambda *a: asked.append(len(a[1])) or kept(*a))
    assert torch.equal(frozen_features(phi, data.images.flip(0)), found.flip(0))
    assert not asked
    frozen_features(phi, random_set(3, seed=12).images)
    assert len(asked) == 1


def test_a_probe_learns_and_its_weights_alone_are_its_own():
    data = random_set(32, seed=13)
    victim = probe()
    assert set(victim.state_dict()) == {"net.weight", "net.bias", "scale"}
    optimizer = victim.optimizer()
    batches = victim.batches(data, 0, torch.device("cpu"))
    before = cross_entropy(victim(data.images), data.labels).item()
    for epoch in range(30):
        batches.set_epoch(epoch)
        for batch in batches:
            optimizer.zero_grad()
            victim.example_loss(batch).mean().backward()
            optimizer.step()
    after = cross_entropy(victim(data.images), data.labels)
    assert after.item() < 0.7 * before
    whole = frozen_features(victim.marker, data.images)
    assert torch.allclose(victim(data.images), victim.logits((whole, data.labels)))


def test_augmentation_is_refused():
    with pytest.raises(ValueError, match=r"victim.augment"):
        probe(augment=CropFlip(2))
