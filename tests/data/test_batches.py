from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set

from taggant.data.augment import CropFlip
from taggant.data.batches import Batches


def batches_of(data, *rest, **options):
    return Batches(data.images, data.labels, *rest, **options)


def epoch(loader, number=0):
    loader.set_epoch(number)
    return list(loader)


def test_every_image_once_an_epoch_with_its_label():
    data = random_set(33)
    batches = epoch(batches_of(data, 8, seed=1))
    assert [len(labels) for _, labels in batches] == [8, 8, 8, 8, 1]
    assert len(batches_of(data, 8, seed=1)) == 5
    images, labels = (torch.cat(part) for part in zip(*batches, strict=True))
    order = [int((data.images == image).flatten(1).all(1).nonzero()) for image in images]
    assert sorted(order) == list(range(33))
    assert torch.equal(labels, data.labels[order])


def test_order_is_a_function_of_seed_and_epoch_alone():
    data = random_set(33)
    loader = batches_of(data, 8, seed=1, augment=CropFlip(2))
    first, second = epoch(loader, 0), epoch(loader, 1)
    again = epoch(batches_of(data, 8, seed=1, augment=CropFlip(2)), 1)
    assert all(torch.equal(a[0], b[0]) for a, b in zip(second, again, strict=True))
    assert not torch.equal(first[0][1], second[0][1]) or not torch.equal(first[0][0], second[0][0])
    other = epoch(batches_of(data, 8, seed=2), 0)
    assert not all(torch.equal(a[1], b[1]) for a, b in zip(first, other, strict=True))


def test_no_batch_is_refused():
    data = random_set(4)
    with pytest.raises(ValueError, match="batch_size = 0"):
        batches_of(data, 0, seed=0)


def test_more_images_a_batch_for_a_loader_that_is_shared():
    data = random_set(33)
    one = batches_of(data, 8, seed=1)
    both = one.with_at_least(2)
    assert [len(labels) for _, labels in epoch(both)] == [8, 8, 8, 7, 2]
    assert [len(labels) for _, labels in epoch(one)] == [8, 8, 8, 8, 1]
    with pytest.raises(ValueError, match="leaves a batch of fewer than 9"):
        one.with_at_least(9)
