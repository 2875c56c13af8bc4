"""Every encoder x every method: what fits moves teacher, queue and centre; others are refused."""

from __future__ import annotations

import pytest
import torch
from tests.unlearning.test_methods import GRADED, method
from tests.victim.ssl.test_methods import DATA, METHODS, MOMENTUM_ENCODERS, configs, victim_of  # noqa: F401

from taggant.optim import trained_parameters
from taggant.unlearning.request import Request

FIT = [name for name in GRADED if set(method(name).needs) <= {"batch_loss"}]
ONE_SHOT = ("ssd", "warnecke_first_order", "warnecke_second_order")
STEPS = [name for name in FIT if name not in ONE_SHOT]
MOMENTUM = [0.9, 1.0]


def request_of(model) -> Request:
    """To forget nine of twenty: batches of 8 would leave one alone."""
    forget, retain = DATA.select(range(9)), DATA.select(range(9, 20))
    return Request(model, forget, retain, 3, torch.device("cpu"), None, None)


def encoder(config):
    teacher_momentum = {"teacher_momentum": MOMENTUM} if "teacher_momentum" in config else {}
    return victim_of(config, **teacher_momentum)


def parts(model) -> dict[str, torch.Tensor]:
    """Teacher's weights, queue and centre, where there are."""
    names = [n for n in model.state_dict() if n.startswith("teacher.")]
    names += [n for n in model.state_dict() if n.endswith((".bank", ".center"))]
    return {name: model.state_dict()[name].clone() for name in names}


def test_five_encoders_and_the_methods_that_need_a_loss_alone():
    assert set(METHODS) == {"byol", "dino", "moco", "simclr", "vicreg"}
    assert set(FIT) == {"finetune", "l1_sparse", "gradient_ascent", "neggrad_plus", *ONE_SHOT}


@pytest.mark.parametrize("name", GRADED)
@pytest.mark.parametrize("victim", METHODS)
def test_what_fits_unlearns_and_what_does_not_is_refused(configs, victim, name):  # noqa: F811
    model, chosen = encoder(configs[victim]), method(name, strength=2.0)
    if name not in FIT:
        said = (
            f"{type(chosen).__name__} needs .*logits.* which {type(model).__name__} does not offer"
        )
        with pytest.raises(ValueError, match=said.replace("logits", "(logits|relabelled)")):
            chosen.check(type(model))
        return
    chosen.check(type(model))
    before, request = [w.detach().clone() for w in trained_parameters(model)], request_of(model)
    assert chosen(request) is model
    assert all(torch.isfinite(t).all() for t in model.state_dict().values())
    moved = zip(trained_parameters(model), before, strict=True)
    assert any(not torch.equal(new, old) for new, old in moved)
    assert request.steps > 0


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("victim", MOMENTUM_ENCODERS)
def test_going_on_moves_the_teacher_its_queue_and_its_centre(configs, victim, name):  # noqa: F811
    model = encoder(configs[victim])
    before = parts(model)
    method(name)(request_of(model))
    after = parts(model)
    kinds = {"moco": ".bank", "dino": ".center"}
    for ending in ("teacher.", *([kinds[victim]] if victim in kinds else [])):
        own = [n for n in before if n.startswith(ending) or n.endswith(ending)]
        assert own
        assert any(not torch.equal(before[n], after[n]) for n in own), ending


@pytest.mark.parametrize("name", ONE_SHOT)
@pytest.mark.parametrize("victim", MOMENTUM_ENCODERS)
def test_one_shot_is_one_step_for_the_teacher_and_none_for_the_queue(configs, victim, name):  # noqa: F811
    model = encoder(configs[victim])
    student, teacher = next(model.backbone.parameters()), next(model.teacher.parameters())
    with torch.no_grad():
        teacher.add_(1)
    before, first = parts(model), teacher.clone()
    method(name)(request_of(model))
    assert torch.allclose(teacher, MOMENTUM[0] * first + (1 - MOMENTUM[0]) * student, atol=1e-6)
    for name_, kept in before.items():
        if name_.endswith((".bank", ".center")):
            assert torch.equal(model.state_dict()[name_], kept)


def test_unlearning_goes_on_as_training_began(configs, monkeypatch):  # noqa: F811
    """With the first teacher_momentum: the last one, 1, would leave the teacher where it is."""
    model, asked = encoder(configs["byol"]), []
    monkeypatch.setattr(model, "follow", asked.append)
    request = request_of(model)
    method("finetune")(request)
    assert asked == [MOMENTUM[0]] * request.steps
