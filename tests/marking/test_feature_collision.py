from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker, smooth_marker

from taggant.marking.feature_collision import FeatureCollision
from taggant.marking.windows import Centre

SECRET = bytes(range(32))


def scheme(net, **options):
    return FeatureCollision(net, window=Centre(1.0), centre=1.0, **options)


def test_the_loss_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    features, original, aims = torch.randn(3, 4, 7, generator=generator, dtype=torch.float64)
    change = torch.randn(4, 3, 5, 5, generator=generator, dtype=torch.float64)
    made = scheme(marker(), lambda_img=0.01).loss(features, original, aims, change)
    for i in range(4):
        distance = float(np.linalg.norm(features[i].numpy() - aims[i].numpy()))
        pixels = float((change[i].numpy() ** 2).sum())
        assert float(made[i]) == pytest.approx(distance + 0.01 * pixels, abs=1e-9)


def test_marked_images_come_closer_to_their_classes_picture():
    data, net = random_set(8), smooth_marker()
    own = scheme(net, steps=30, lr=20.0)
    made = own.versions(
        [SECRET] * len(data.ids), data.images, data.ids, np.full((8, 1), 2), data.labels
    )[:, 0]
    aims = own.aims(SECRET, 2, data.labels.tolist(), data.images[0].float())
    before, after = ((net(images.float()) - aims).norm(dim=1) for images in (data.images, made))
    assert bool((after < before).all())
    assert (made.int() - data.images.int()).abs().max() <= own.epsilon


def test_a_picture_is_smooth_and_of_its_index_and_class():
    own = scheme(marker())
    first, second = own.pictures(SECRET, 0, [0, 1], (3, 16, 16))
    assert not torch.equal(first, second)
    assert not torch.equal(first, own.pictures(SECRET, 1, [0], (3, 16, 16))[0])
    assert (first[:, 1:].int() - first[:, :-1].int()).abs().max() <= 256 // 4
    assert first.max() - first.min() > 64


def test_probes_are_the_pictures_themselves():
    data, own = random_set(30, classes=4), scheme(marker())
    images, classes = own.probes(SECRET, 1, data.images, data.labels)
    assert classes.tolist() == [0, 1, 2, 3]
    assert torch.equal(images, own.pictures(SECRET, 1, range(4), (3, 16, 16)))
