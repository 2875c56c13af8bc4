from __future__ import annotations

import functools

import pytest
import torch
from tests.conftest import random_set

from taggant.score import Oracle, Score, membership
from taggant.score.access import Full, Label, Latents, Pixels
from taggant.score.gradient import Slope
from taggant.victim.classifier import Classifier

DATA = random_set(9)
LOSS = functools.partial(membership.loss)


def linear(classes: int, channels: int, image_size: int) -> torch.nn.Module:
    inputs = channels * image_size**2
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(inputs, classes))


def victim() -> Classifier:
    torch.manual_seed(0)
    training = {"epochs": 1, "batch_size": 4, "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0}
    facts = {"classes": 4, "channels": 3, "image_size": 16, "mean": DATA.mean, "std": DATA.std}
    return Classifier(linear, **facts, **training, snapshots=1)


def slope(access=None) -> Score:
    return Score(Slope(LOSS, access or Full(), "logits"), Pixels(), answers="pixels")


def test_it_is_the_first_order_of_the_other_score():
    model, score = victim(), slope()
    score.check(model)
    asked = score.prepared(model, DATA)
    targets, oracle = asked.targets(model, DATA), Oracle(model, asked.access, 4)
    assert targets.shape == (9, 2, 3, 16, 16)
    views = asked.draw_views(range(9))
    assert not asked(oracle, DATA.images, targets, views).any()
    moved = DATA.images.clone()
    moved[:, 1, 3, 5] ^= 1  # one grey level of one pixel
    found = asked(oracle, moved, targets, views)
    losses = [
        membership.loss(model(images.double()).log_softmax(1), DATA.labels)
        for model in [model.double()]
        for images in (DATA.images, moved)
    ]
    assert torch.allclose(found.double(), losses[1] - losses[0], rtol=1e-2, atol=1e-7)
    alone = asked(oracle, moved[4:5], targets[4:5], views[4:5])
    assert torch.equal(alone, found[4:5])


def test_the_victim_is_left_as_it_was():
    model = victim()
    asked = slope().prepared(model, DATA)
    asked.targets(model, DATA)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())


def test_what_has_no_gradient_or_does_not_fit_is_refused():
    model = victim()
    asked = slope(Label()).prepared(model, DATA)
    with pytest.raises(ValueError, match="Classifier answers in steps"):
        asked.targets(model, DATA)
    with pytest.raises(ValueError, match=r"access shows latents, and score.statistic.reads = log"):
        slope(Latents()).prepared(model, DATA)
    with pytest.raises(ValueError, match="answers with logits, and this score reads latents"):
        Score(Slope(LOSS, Latents(), "latents"), Pixels(), answers="pixels").check(model)
    with pytest.raises(ValueError, match="shows pixels, and this score reads logits: choose"):
        Score(LOSS, Pixels())


def test_reference_models_have_no_part_in_it():
    model = victim()
    asked = slope().prepared(model, DATA)
    oracle = Oracle(model, asked.access, 4)
    assert asked.less([], 0.5).references == ()
    with pytest.raises(ValueError, match=r"accepted is reference.weight=0"):
        asked.less([(oracle, asked)], 0.5)
