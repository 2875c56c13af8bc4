"""Mixtures of two images, under mixtures of their labels."""

import pytest
import torch

from taggant.data.batches import Batches
from taggant.data.mixing import CutMix, Mix, Mixed, MixUp

MIXES = {"mixup": MixUp(1.0), "cutmix": CutMix(1.0)}


def flat(count: int = 40) -> torch.Tensor:
    """Images of one grey level each."""
    levels = torch.arange(count) * 6
    return levels[:, None, None, None].expand(-1, 3, 8, 8).to(torch.uint8)


@pytest.mark.parametrize("name", MIXES)
def test_the_share_is_that_of_the_pixels(name: str) -> None:
    mix, images = MIXES[name], flat()
    mixed, others, share = mix(images, torch.Generator().manual_seed(0))
    own, other = images.float().mean((1, 2, 3)), images[others].float().mean((1, 2, 3))
    expected = share * own + (1 - share) * other
    assert torch.allclose(mixed.float().mean((1, 2, 3)), expected, atol=0.51)
    assert 0.2 < share.mean() < 0.8


def test_cutmix_takes_whole_rectangles() -> None:
    images = flat()
    mixed, others, _ = CutMix(1.0)(images, torch.Generator().manual_seed(0))
    of_either = (mixed == images) | (mixed == images[others])
    assert of_either.all()


@pytest.mark.parametrize("name", MIXES)
def test_targets_are_probabilities_and_follow_from_seed_and_epoch(name: str) -> None:
    labels = torch.arange(40) % 4

    def epoch(number: int, mix: Mix) -> list[torch.Tensor]:
        batches = Mixed(Batches(flat(), labels, 16, seed=3), mix, 4)
        batches.set_epoch(number)
        return [part for batch in batches for part in batch]

    first, again, later = epoch(1, MIXES[name]), epoch(1, MIXES[name]), epoch(2, MIXES[name])
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], later[0])
    targets = torch.cat(first[1::2])
    assert torch.allclose(targets.sum(1), torch.ones(40))
    assert (targets.amax(1) < 1).any()


@pytest.mark.parametrize("make", [MixUp, CutMix])
def test_alpha_is_above_0(make: type) -> None:
    with pytest.raises(ValueError, match=r"alpha = 0: accepted are numbers above 0"):
        make(0)
