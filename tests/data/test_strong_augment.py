"""Augmentations beyond shifts and mirror images."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from taggant.data.augment import CropFlip
from taggant.data.batches import Augment
from taggant.data.strong_augment import Chain, Cutout, Jitter, RandAugmented

EVERY: dict[str, Augment] = {
    "jitter": Jitter(0.4),
    "cutout": Cutout(0.5),
    "randaugment": RandAugmented(),
    "chain": Chain([CropFlip(2), Jitter(0.4)]),
}


CONFIGS = sorted(Path("conf/victim/augment").glob("*.yaml"))


def images() -> torch.Tensor:
    draws = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (20, 3, 16, 16), generator=draws).to(torch.uint8)


def augmented(name: str, seed: int) -> torch.Tensor:
    return EVERY[name](images(), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", EVERY)
def test_pixels_follow_from_the_generator(name: str) -> None:
    once = augmented(name, 0)
    assert once.dtype == torch.uint8
    assert once.shape == images().shape
    assert torch.equal(once, augmented(name, 0))
    assert not torch.equal(once, augmented(name, 1))


def test_images_draw_their_own() -> None:
    same = images()[:1].expand(20, -1, -1, -1)
    for name in ("jitter", "cutout"):
        made = EVERY[name](same, torch.Generator().manual_seed(0))
        assert len(made.flatten(1).unique(dim=0)) > 10


def test_no_jitter_changes_nothing() -> None:
    assert torch.equal(Jitter(0.0)(images(), torch.Generator().manual_seed(0)), images())


def test_a_cutout_is_grey_and_the_rest_as_it_was() -> None:
    made = augmented("cutout", 0)
    changed = (made != images()).any(1)
    assert 0.05 < changed.float().mean() < 0.25
    assert (made.permute(0, 2, 3, 1)[changed] == 128).all()


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda: Jitter(1.5), r"strength = 1\.5"), (lambda: Cutout(0.0), r"side = 0\.0")],
    ids=["jitter", "cutout"],
)
def test_a_value_that_is_not_accepted(make: object, says: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_configs_augment_as_part_of_a_victim(config: Path) -> None:
    victim = OmegaConf.create({"_target_": "builtins.dict", "augment": OmegaConf.load(config)})
    augment: Augment = instantiate(victim)["augment"]
    made = augment(images(), torch.Generator().manual_seed(0))
    assert made.shape == images().shape
    assert not torch.equal(made, images())
