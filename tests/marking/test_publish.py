from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set

from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import Published, choose, publish, raw_sha256

SCHEME = NVersion(20, 10, Sign(2))


def published_of(raw, used):
    digests = raw_sha256(raw.images)
    ledger = Ledger.draw(bytes(32), "t", SCHEME.parameters(), SCHEME.n, raw.ids, digests)
    return publish(SCHEME, ledger, raw, used), ledger


def test_published_version_is_the_one_the_ledger_names():
    raw = random_set(12)
    published, ledger = published_of(raw, 6)
    every = SCHEME.versions(ledger.secret, raw.images, raw.ids, np.tile(np.arange(20), (12, 1)))
    expected = every[torch.arange(12), torch.tensor(ledger.published)]
    assert torch.equal(published.images, expected)
    assert published.used.sum() == 6


def test_training_set_holds_used_published_versions_and_nothing_of_the_unused():
    train = random_set(30)
    raw = choose(train, 8, 6, seed=1)
    published, _ = published_of(raw, 8)
    victim_data = published.training_set(train)
    assert len(victim_data) == 24
    used = [i for i, flag in zip(published.ids, published.used, strict=True) if flag]
    position = {image_id: k for k, image_id in enumerate(victim_data.ids)}
    for k, image_id in enumerate(published.ids):
        if image_id in used:
            assert torch.equal(victim_data.images[position[image_id]], published.images[k])
        else:
            assert image_id not in position
    untouched = set(train.ids) - set(published.ids)
    for image_id in untouched:
        expected = train.images[train.ids.index(image_id)]
        assert torch.equal(victim_data.images[position[image_id]], expected)


def test_labels_follow_their_images():
    train = random_set(30)
    published, _ = published_of(choose(train, 8, 6, seed=1), 8)
    victim_data = published.training_set(train)
    for k, image_id in enumerate(victim_data.ids):
        assert victim_data.labels[k] == train.labels[train.ids.index(image_id)]


def test_published_survives_the_disk(tmp_path):
    published, _ = published_of(random_set(6), 3)
    published.save(tmp_path)
    again = Published.load(tmp_path)
    assert torch.equal(again.images, published.images)
    assert (again.ids, again.commitment) == (published.ids, published.commitment)
    assert (again.used == published.used).all()


@pytest.mark.parametrize(("used", "unused"), [(20, 10), (30, 1), (29, 1)])
def test_more_marked_instances_than_images_are_refused(used, unused):
    with pytest.raises(ValueError, match=rf"{used} \+ {unused}.*30 training images.*at most 29"):
        choose(random_set(30), used, unused, seed=0)


def test_empty_group_is_refused():
    with pytest.raises(ValueError, match=r"marking\.unused = 0"):
        choose(random_set(30), 3, 0, seed=0)
