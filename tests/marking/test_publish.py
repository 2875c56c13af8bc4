from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker

from taggant.marking.device import MarkingDevice
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import (
    Published,
    RemakeError,
    check_captions,
    choose,
    equal_versions_rate,
    publish,
    raw_sha256,
    remaking_device,
)
from taggant.marking.strategies.feature import Feature

SCHEME = NVersion(20, 10, Sign(2))


def ledger_of(scheme, raw):
    digests = raw_sha256(raw.images)
    return Ledger.draw(bytes(32), "t", scheme.parameters(), scheme.n, raw.ids, digests)


def published_of(raw, used):
    ledger = ledger_of(SCHEME, raw)
    return publish(SCHEME, ledger, raw, used), ledger


def test_published_version_is_the_one_the_ledger_names():
    raw = random_set(12)
    published, ledger = published_of(raw, 6)
    every = SCHEME.versions(
        [ledger.draws().secret] * len(raw.ids), raw.images, raw.ids, np.tile(np.arange(20), (12, 1))
    )
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


def test_withheld_instances_count_too():
    assert len(choose(random_set(30), 8, 6, seed=1)) == 14
    assert len(choose(random_set(30), 8, 6, seed=1, withhold=10)) == 24
    with pytest.raises(ValueError, match=r"marking.withhold = 8 \+ 6 \+ 16 = 30 instances"):
        choose(random_set(30), 8, 6, seed=1, withhold=16)


def test_fewer_withheld_than_none_are_refused():
    with pytest.raises(ValueError, match=r"marking.withhold = -1: accepted are 0, 1, 2"):
        choose(random_set(10), 2, 3, seed=0, withhold=-1)


def test_published_versions_with_other_captions_are_refused():
    labelled = random_set(3)
    raw = dataclasses.replace(labelled, labels=None, captions=("a dog", "a cat", "a tree"))
    check_captions(raw, raw.select([2, 0]))
    check_captions(labelled, labelled)
    other = dataclasses.replace(raw, captions=("a dog", "a cow", "a tree"))
    with pytest.raises(ValueError, match=rf"image {raw.ids[1]} is published .*'a cow'.*'a cat'"):
        check_captions(raw, other)


def test_place_is_recorded_and_survives_the_disk(tmp_path):
    raw = random_set(4)
    scheme = NVersion(6, 10, Feature(marker("bfloat16"), steps=1, chunk=3))
    ledger = ledger_of(scheme, raw)
    published = publish(scheme, ledger, raw, 2)
    published.save(tmp_path)
    again = Published.load(tmp_path)
    assert again.made == published.made == MarkingDevice.here()
    assert again.made.threads == 1
    assert (again.precision, published_of(raw, 2)[0].precision) == ("bfloat16", "integers")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_published_versions_come_out_again_or_the_audit_refuses(precision):
    raw = random_set(6)
    scheme = NVersion(12, 10, Feature(marker(precision), steps=2, chunk=4))
    ledger = ledger_of(scheme, raw)
    published = publish(scheme, ledger, raw, 3)
    fresh = NVersion(12, 10, Feature(marker(precision), steps=2, chunk=4))
    assert remaking_device(fresh, ledger, raw, published) == MarkingDevice.here()
    forged = published.images.clone()
    forged[2, 1, 3, 4] ^= 1
    with pytest.raises(RemakeError, match=rf"1 of 6 .*{raw.ids[2]}.*refuses"):
        remaking_device(fresh, ledger, raw, dataclasses.replace(published, images=forged))


class Threads(NVersion):
    """Versions that depend on the thread count, as a marker's arithmetic may."""

    def versions(self, secrets, images, ids, indices, labels=None):
        made = super().versions(secrets, images, ids, indices, labels)
        return made ^ (torch.get_num_threads() % 2)


def test_versions_are_made_again_where_they_were_made_first():
    raw = random_set(6)
    scheme = Threads(12, 10, Sign(2))
    ledger = ledger_of(scheme, raw)
    published = publish(scheme, ledger, raw, 3)
    torch.set_num_threads(2)
    assert MarkingDevice.here() != published.made
    device = remaking_device(scheme, ledger, raw, published)
    assert device == published.made
    indices = np.array([[j] for j in ledger.published])
    made = device.versions(scheme, [ledger.draws().secret] * 6, raw.images, raw.ids, indices)
    assert torch.equal(made[:, 0], published.images)
    assert torch.get_num_threads() == 2


def test_a_marking_device_that_is_not_at_hand_is_named():
    raw = random_set(6)
    published, ledger = published_of(raw, 3)
    away = dataclasses.replace(
        published, images=published.images ^ 1, made=MarkingDevice("cuda", 1, "Some GPU")
    )
    with pytest.raises(RemakeError, match=r"cuda \(Some GPU.* is not at hand"):
        remaking_device(SCHEME, ledger, raw, away)


def test_rate_of_equal_versions_is_that_of_pairs():
    class Few(NVersion):
        def versions(self, secrets, images, ids, indices, labels=None):
            return super().versions(secrets, images, ids, indices // 4, labels)

    raw = random_set(6)
    same = Few(12, 10, Sign(2))
    ledger = ledger_of(same, raw)
    assert equal_versions_rate(same, ledger, raw) == pytest.approx(3 / 11)
    assert equal_versions_rate(SCHEME, ledger, raw) == 0
