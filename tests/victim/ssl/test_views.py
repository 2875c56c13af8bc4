from __future__ import annotations

import torch
from tests.conftest import random_set

from taggant.data.colour import ColourDistortion
from taggant.data.resized_crop import ResizedCrop
from taggant.victim.ssl.views import Views


def views_of(images, colour=None, count=2, seed=0):
    make = Views(ResizedCrop((0.2, 1.0)), colour, count)
    return make(images, torch.Generator().manual_seed(seed))


def test_every_image_has_different_views_and_the_seed_decides():
    images = random_set(6).images
    views = views_of(images, ColourDistortion(), count=3)
    assert views.shape == (6, 3, *images.shape[1:])
    assert views.dtype == torch.uint8
    assert not torch.equal(views[:, 0], views[:, 1])
    assert torch.equal(views, views_of(images, ColourDistortion(), count=3))
    assert not torch.equal(views, views_of(images, ColourDistortion(), count=3, seed=1))


def test_images_without_colours_are_cropped_only():
    grey = random_set(6).images[:, :1]
    assert torch.equal(views_of(grey, ColourDistortion()), views_of(grey))
