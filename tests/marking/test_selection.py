"""Makers that take published images by their content."""

import numpy as np
import pytest
import torch

from taggant.data.imageset import ImageSet
from taggant.marking.selection import Classes, Detail, Random


def images(count: int = 40, labels: bool = True) -> ImageSet:
    """Noise whose contrast grows with the row; labels in turn."""
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    pixels = 128 + noise * torch.arange(1, count + 1)[:, None, None, None] * 4
    numbers = torch.arange(count) % 4 if labels else None
    ids = tuple(f"{i:03d}" for i in range(count))
    rest = None, "noise", ("a", "b", "c", "d"), (0.5,) * 3, (0.25,) * 3
    return ImageSet(pixels.to(torch.uint8), ids, numbers, *rest)


def test_random_takes_the_first_of_a_random_order() -> None:
    assert np.flatnonzero(Random()(images(), 7)).tolist() == list(range(7))


def test_classes_takes_some_classes_only() -> None:
    taken = Classes(0.5)(images(), 15)
    assert taken.sum() == 15
    assert set(images().labels[torch.from_numpy(taken)].tolist()) == {0, 1}


def test_detail_takes_the_busy_or_the_calm() -> None:
    assert np.flatnonzero(Detail(most=True)(images(), 10)).min() >= 28
    assert np.flatnonzero(Detail(most=False)(images(), 10)).max() <= 12


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(ValueError, match=rf"share = {share}: accepted are numbers above 0"):
        Classes(share)


def test_too_few_images_of_the_classes() -> None:
    with pytest.raises(ValueError, match=r"used = 30: .* 20 are of the 2 classes"):
        Classes(0.5)(images(), 30)


def test_classes_need_labels() -> None:
    with pytest.raises(ValueError, match="noise has no labels"):
        Classes()(images(labels=False), 3)
