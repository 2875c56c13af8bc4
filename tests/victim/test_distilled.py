from __future__ import annotations

from functools import partial

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.conftest import random_set

from taggant.victim.distilled import Distilled, further
from taggant.victim.small_net import SmallNet

TRAINING = {
    "epochs": 2,
    "batch_size": 16,
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "snapshots": 1,
    "mean": (0.5, 0.5, 0.5),
    "std": (0.3, 0.3, 0.3),
}
SOURCE = OmegaConf.create(
    {"_target_": "taggant.data.emoji.load", "train": 60, "test": 20, "size": 16, "seed": 0}
)
CPU = torch.device("cpu")


def student(**more) -> Distilled:
    asked = {"width": 2, "unmarked": partial(further, SOURCE, 30), **TRAINING, **more}
    torch.manual_seed(0)
    return Distilled(SmallNet, classes=4, channels=3, image_size=16, **asked)


@pytest.mark.parametrize("told", ["confidences", "labels"])
def test_a_student_sees_other_images_and_what_its_teacher_says_of_them(told):
    data, victim = random_set(40, seed=3, classes=4), student(told=told)
    before = {name: value.clone() for name, value in victim.state_dict().items()}
    batches = victim.batches(data, 5, CPU)
    assert torch.equal(batches.images, further(SOURCE, 30).images)
    assert torch.allclose(batches.targets.sum(1), torch.ones(30))
    assert ((batches.targets.amax(1) == 1).all()) == (told == "labels")
    # The teacher leaves neither weights nor random state behind, and follows from its seed.
    assert all(torch.equal(value, before[name]) for name, value in victim.state_dict().items())
    assert torch.equal(victim.batches(data, 5, CPU).targets, batches.targets)
    assert not torch.equal(victim.batches(data, 6, CPU).targets, batches.targets)
    loss = victim.batch_loss(next(iter(batches)))
    loss.backward()
    assert loss.isfinite()


def test_what_the_teacher_is_asked_about_is_in_neither_split():
    run = instantiate(SOURCE)
    asked = further(SOURCE, 30)
    assert len(asked) == 30
    assert not {*asked.ids} & {*run.train.ids, *run.test.ids}


def test_errors():
    with pytest.raises(ValueError, match="accepted are confidences, labels"):
        student(told="logits")
    with pytest.raises(ValueError, match=r"victim.unmarked = null"):
        student(unmarked=None).batches(random_set(4), 0, CPU)
    with pytest.raises(ValueError, match=r"victim.unmarked.count = 0: accepted are 1, 2"):
        further(SOURCE, 0)
    with pytest.raises(
        ValueError, match=r"victim.unmarked.count = 9999: accepted are 1 to \d+, em"
    ):
        further(SOURCE, 9999)
