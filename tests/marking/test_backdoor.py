from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set

from taggant.marking.backdoor import Backdoor

SECRET = bytes(range(32))
SCHEME = Backdoor(n=8, side=4)


def test_a_class_carries_its_patch_and_nothing_else_changes():
    data = random_set(12, classes=3)
    made = SCHEME.versions(
        [SECRET] * len(data.ids), data.images, data.ids, np.full((12, 1), 5), data.labels
    )[:, 0]
    patches = SCHEME.patches(SECRET, 5, range(3), 3)
    assert torch.equal(made[:, :, -5:-1, -5:-1], patches[data.labels])
    changed = (made != data.images).any(1)
    changed[:, -5:-1, -5:-1] = False
    assert not changed.any()
    assert set(patches.unique().tolist()) == {0, 255}


def test_versions_do_not_depend_on_what_else_is_asked_for():
    data = random_set(6, classes=3)
    every = SCHEME.versions(
        [SECRET] * len(data.ids), data.images, data.ids, np.tile(np.arange(8), (6, 1)), data.labels
    )
    some = SCHEME.versions(
        [SECRET],
        data.images[2:3],
        data.ids[2:3],
        np.array([[6, 1]]),
        data.labels[2:3],
    )
    assert torch.equal(some[0], every[2, [6, 1]])


def test_indices_classes_and_secrets_have_patches_of_their_own():
    patch = SCHEME.patches(SECRET, 0, [0], 3)
    others = [
        SCHEME.patches(SECRET, 1, [0], 3),
        SCHEME.patches(SECRET, 0, [1], 3),
        SCHEME.patches(bytes(32), 0, [0], 3),
    ]
    assert all(not torch.equal(patch, other) for other in others)


def test_probes_claim_another_class_than_the_images_own():
    data = random_set(40, classes=5)
    images, claimed = SCHEME.probes(SECRET, 3, data.images, data.labels)
    assert not (claimed == data.labels).any()
    assert sorted(claimed.unique().tolist()) == list(range(5))
    patches = SCHEME.patches(SECRET, 3, range(5), 3)
    assert torch.equal(images[:, :, -5:-1, -5:-1], patches[claimed])


def test_what_makes_no_mark_is_refused():
    data = random_set(1, size=8)
    index = np.zeros((1, 1), int)
    with pytest.raises(ValueError, match="labels are needed"):
        SCHEME.versions([SECRET] * len(data.ids), data.images, data.ids, index)
    with pytest.raises(ValueError, match="take up to 6"):
        Backdoor(side=7).versions(
            [SECRET] * len(data.ids), data.images, data.ids, index, data.labels
        )
    for wrong in ({"n": 1}, {"side": 0}):
        with pytest.raises(ValueError, match="marking"):
            Backdoor(**wrong)
