from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from torchvision.transforms.v2 import functional

from taggant.data.resized_crop import ResizedCrop


def draws_of(crop, count=200, seed=0):
    return crop.draw(count, torch.Generator().manual_seed(seed))


def test_windows_are_stretched_as_torchvision_stretches_them():
    images = random_set(40, size=24).images
    crop = ResizedCrop((0.2, 1.0))
    draws = draws_of(crop, 40)
    for image, ours, draw in zip(images, crop.apply(images, draws), draws, strict=True):
        height, width = (round(24 * float(side)) for side in draw[:2])
        top, left = int(draw[2] * (25 - height)), int(draw[3] * (25 - width))
        box = (top, left, height, width)
        theirs = functional.resized_crop(image.float(), *box, [24, 24], antialias=True)
        theirs = theirs.flip(-1) if draw[4] == 1 else theirs
        assert (theirs.round() - ours.float()).abs().max() <= 1


def test_windows_lie_in_the_image_and_in_the_ranges():
    draws = draws_of(ResizedCrop((0.3, 0.9), (0.5, 2.0)), 2000)
    area, ratio = draws[:, 0] * draws[:, 1], draws[:, 1] / draws[:, 0]
    assert draws[:, :2].max() <= 1
    assert 0.3 - 1e-6 <= area.min() < 0.35
    assert 0.8 < area.max() <= 0.9 + 1e-6
    assert 0.5 - 1e-6 <= ratio.min() < 0.6
    assert 1.7 < ratio.max() <= 2 + 1e-6
    assert 0.45 < draws[:, 4].mean() < 0.55


def test_a_whole_window_leaves_the_image_alone():
    images = random_set(8).images
    crop = ResizedCrop((1.0, 1.0), (1.0, 1.0), flip=False)
    assert torch.equal(crop.apply(images, draws_of(crop, 8)), images)


def test_each_image_is_cropped_by_its_own_row():
    images, crop = random_set(8).images, ResizedCrop()
    draws = draws_of(crop, 8)
    alone = [crop.apply(images[i : i + 1], draws[i : i + 1]) for i in range(8)]
    assert torch.equal(torch.cat(alone), crop.apply(images, draws))
    assert torch.equal(crop(images, torch.Generator().manual_seed(0)), crop.apply(images, draws))


def test_bad_ranges_are_named():
    with pytest.raises(ValueError, match=r"scale = \[0\.5, 1\.5\]"):
        ResizedCrop((0.5, 1.5))
    with pytest.raises(ValueError, match=r"ratio = \[2\.0, 1\.0\]"):
        ResizedCrop(ratio=(2.0, 1.0))
