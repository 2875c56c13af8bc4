"""Cleaning images is a function of one image, and takes away some of a mark."""

from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set

from taggant.data.imageset import ImageSet
from taggant.data.purify import Blur, Jpeg, Noise, Resize

WAYS = {"jpeg": Jpeg(50), "blur": Blur(1.0), "resize": Resize(0.5), "noise": Noise(10.0)}


@pytest.fixture
def smooth(noise: ImageSet) -> torch.Tensor:
    """Images that vary slowly, uint8 [4, 3, 16, 16]."""
    coarse = noise.images[:4, :, :4, :4].float()
    return torch.nn.functional.interpolate(coarse, size=16, mode="bilinear").to(torch.uint8)


@pytest.mark.parametrize("name", WAYS)
def test_each_image_is_cleaned_by_itself_and_always_alike(name):
    purify = WAYS[name]
    images = random_set(5).images
    together = purify(images)
    alone = torch.cat([purify(image[None]) for image in images])
    assert together.dtype == torch.uint8
    assert together.shape == images.shape
    assert torch.equal(together, alone)
    assert not torch.equal(together, images)


@pytest.mark.parametrize(("name", "left"), [("jpeg", 0.85), ("blur", 0.2), ("resize", 0.4)])
def test_some_of_a_fine_mark_is_gone(name, left, smooth):
    purify = WAYS[name]
    sign = torch.randint(0, 2, smooth.shape, generator=torch.Generator().manual_seed(1)) * 2 - 1
    marked = (smooth.float() + 10 * sign).clamp(0, 255).to(torch.uint8)
    before = (marked.float() - smooth.float()).square().mean()
    after = (purify(marked).float() - purify(smooth).float()).square().mean()
    assert after < left * before


def test_noise_has_the_asked_spread_and_differs_between_images(smooth):
    grey = torch.full((2, 3, 32, 32), 128, dtype=torch.uint8)
    grey[1, 0, 0, 0] = 129
    added = WAYS["noise"](grey).float() - grey.float()
    assert 9 < added.std() < 11
    assert abs(torch.corrcoef(added.flatten(1))[0, 1]) < 0.1
