from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.marking.nets import marker
from torch.nn.functional import interpolate

from taggant.marking.marker import bilinear
from taggant.marking.windows import Centre, RandomCrop


def test_random_crops_stay_inside_and_keep_to_their_ranges():
    windows = RandomCrop()(np.random.default_rng(0).random((4000, 5)))
    top, left, height, width, mirrored = windows.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 1 + 1e-6).all()
    assert (left + width <= 1 + 1e-6).all()
    inside = (height < 1) & (width < 1)
    area, ratio = (height * width)[inside], (width / height)[inside]
    assert area.min() >= 0.08 - 1e-6
    assert ratio.min() >= 3 / 4 - 1e-5
    assert ratio.max() <= 4 / 3 + 1e-5
    assert 0.46 < mirrored.mean() < 0.54


def test_centre_is_always_the_same():
    windows = Centre(0.5)(np.random.default_rng(0).random((3, 5)))
    assert np.array_equal(windows, np.tile([0.25, 0.25, 0.5, 0.5, 0], (3, 1)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomCrop(scale=(0, 1)),
        lambda: RandomCrop(scale=(0.5, 1.5)),
        lambda: RandomCrop(ratio=(2, 1)),
        lambda: Centre(0),
    ],
)
def test_impossible_windows_are_refused(make):
    with pytest.raises(ValueError, match="accepted"):
        make()


@pytest.mark.parametrize("size", [7, 16, 40])
def test_resizing_is_bilinear_interpolation(size):
    image = torch.rand(2, 3, 16, 16) * 255
    whole = torch.zeros(2), torch.full((2,), 16.0)
    weights = bilinear(*whole, size, 16)
    ours = weights[:, None] @ image @ weights[:, None].transpose(-1, -2)
    theirs = interpolate(image, (size, size), mode="bilinear", align_corners=False)
    assert torch.allclose(ours, theirs, atol=1e-3)


def test_mirrored_window_sees_the_mirrored_image():
    image = torch.rand(1, 3, 16, 16) * 255
    plain = torch.tensor([[0.25, 0.125, 0.5, 0.5, 0.0]])
    mirror = torch.tensor([[0.25, 0.375, 0.5, 0.5, 1.0]])
    features = marker().features(image, plain)
    assert torch.allclose(features, marker().features(image.flip(-1), mirror), atol=1e-5)
    assert not torch.allclose(features, marker().features(image, mirror), atol=1e-3)
