from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from torchvision.transforms.v2 import functional

from taggant.data.colour import ColourDistortion, blend, luma, turn_hue

PIXELS = random_set(16).images.float() / 255
FACTORS = torch.linspace(0.2, 1.8, 16).view(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (functional.adjust_brightness, lambda x, f: blend(x, torch.zeros_like(x), f)),
        (functional.adjust_contrast, lambda x, f: blend(x, luma(x).mean((1, 2, 3), True), f)),
        (functional.adjust_saturation, lambda x, f: blend(x, luma(x), f)),
    ],
)
def test_strengths_are_those_of_torchvision(theirs, ours):
    expected = torch.stack([theirs(x, float(f)) for x, f in zip(PIXELS, FACTORS, strict=True)])
    assert torch.allclose(ours(PIXELS, FACTORS), expected, atol=1e-5)


def test_hue_turns_as_torchvision_turns_it_and_grey_stays_grey():
    turns = torch.linspace(-0.5, 0.5, 16).view(-1, 1, 1, 1)
    pairs = zip(PIXELS, turns, strict=True)
    expected = torch.stack([functional.adjust_hue(x, float(t)) for x, t in pairs])
    assert torch.allclose(turn_hue(PIXELS, turns), expected, atol=1e-5)
    grey = luma(PIXELS).expand_as(PIXELS)
    assert torch.allclose(turn_hue(grey, turns), grey, atol=1e-6)


def test_each_image_draws_its_own():
    same = PIXELS[:1].expand(64, -1, -1, -1)
    distorted = ColourDistortion()(same, torch.Generator().manual_seed(0))
    assert distorted.flatten(1).unique(dim=0).shape[0] > 40
    untouched = (distorted == same).flatten(1).all(1).sum()
    grey = (distorted.amax(1) == distorted.amin(1)).flatten(1).all(1).sum()
    assert 1 <= untouched <= 25
    assert 3 <= grey <= 25
    assert distorted.min() >= 0
    assert distorted.max() <= 1


def test_no_strength_and_no_grey_change_nothing():
    still = ColourDistortion(strength=0.0, grey=0.0)
    assert torch.allclose(still(PIXELS, torch.Generator().manual_seed(0)), PIXELS, atol=1e-6)
    with pytest.raises(ValueError, match=r"colour\.grey = 2"):
        ColourDistortion(grey=2)
