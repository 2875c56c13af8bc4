from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from tests.marking.nets import marker
from torch.nn.functional import interpolate
from torchvision.transforms.v2 import RandomResizedCrop

from taggant.marking.marker import bilinear
from taggant.marking.windows import Centre, RandomCrop


def test_random_crops_stay_inside_and_keep_to_their_ranges():
    windows = RandomCrop()(np.random.default_rng(0).random((4000, 23)))
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


def test_a_crop_that_does_not_fit_is_drawn_again_as_torchvision_draws_it():
    random, count = np.random.default_rng(1), 6000
    crop = RandomCrop()
    _, _, height, width, _ = crop(random.random((count, crop.uniforms))).T
    torch.manual_seed(0)
    image = torch.zeros(1, 1000, 1000)
    theirs = [
        RandomResizedCrop.get_params(image, list(crop.scale), list(crop.ratio))
        for _ in range(count)
    ]
    rows, columns = np.array(theirs)[:, 2:].T / 1000
    for ours, other in ((height, rows), (width, columns), (height * width, rows * columns)):
        assert ks_2samp(ours, other).pvalue > 1e-3
    assert abs((height * width).mean() - 0.478) < 0.012


def test_with_one_attempt_crops_and_their_name_are_those_of_old_ledgers():
    crop = RandomCrop(attempts=1)
    assert str(crop) == "RandomCrop(scale=(0.08, 1.0), ratio=(0.75, 1.3333333333333333))"
    assert str(crop) != str(RandomCrop())
    drawn = np.array([[0.5, 0.5, 0.25, 0.75, 0.4], [1.0, 1.0, 0.5, 0.5, 0.6]])
    half = 0.54**0.5
    expected = [
        [0.25 * (1 - half), 0.75 * (1 - half), half, half, 1],
        [0.5 * (1 - 0.75**0.5), 0, 0.75**0.5, 1, 0],
    ]
    assert np.allclose(crop(drawn), expected)
    area = np.prod(crop(np.random.default_rng(0).random((4000, 5)))[:, 2:4], axis=1)
    assert abs(area.mean() - 0.534) < 0.012


def test_the_first_attempt_that_fits_is_taken_and_the_last_if_none_does():
    crop = RandomCrop(attempts=3)
    large, small, place = [1.0, 1.0], [0.25, 0.5], [0.5, 0.5, 0.5]
    first = crop(np.array([*small, *large, *large, *place]))
    assert np.array_equal(first, crop(np.array([*large, *small, *large, *place])))
    assert np.array_equal(first, crop(np.array([*large, *large, *small, *place])))
    assert first[2] == first[3] == np.float32((0.08 + 0.25 * 0.92) ** 0.5)
    assert crop(np.array([*large, *large, *large, *place]))[3] == 1


def test_centre_is_always_the_same():
    windows = Centre(0.5)(np.random.default_rng(0).random((3, 1)))
    assert np.array_equal(windows, np.tile([0.25, 0.25, 0.5, 0.5, 0], (3, 1)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomCrop(scale=(0, 1)),
        lambda: RandomCrop(scale=(0.5, 1.5)),
        lambda: RandomCrop(ratio=(2, 1)),
        lambda: RandomCrop(attempts=0),
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
