from __future__ import annotations

import torch
from torch.nn.functional import pad
from torchvision.transforms.v2.functional import hflip

from taggant.data.augment import CropFlip


def test_each_image_is_cropped_and_flipped_by_its_own_draw():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (16, 3, 12, 12), generator=generator, dtype=torch.uint8)
    augment = CropFlip(3)
    draws = augment.draw(16, generator)
    padded = pad(images.float(), [3] * 4, mode="reflect").to(torch.uint8)
    for image, (down, right, mirrored), got in zip(
        padded, draws.tolist(), augment.apply(images, draws), strict=True
    ):
        expected = image[:, down : down + 12, right : right + 12]
        assert torch.equal(got, hflip(expected) if mirrored else expected)


def test_draws_cover_all_shifts_and_flip_half():
    draws = CropFlip(2).draw(5000, torch.Generator().manual_seed(1))
    assert set(draws[:, 0].tolist()) == set(draws[:, 1].tolist()) == set(range(5))
    assert abs(float(draws[:, 2].float().mean()) - 0.5) < 0.03
    assert CropFlip(2, flip=False).draw(100, torch.Generator()).amax(0)[2] == 0
