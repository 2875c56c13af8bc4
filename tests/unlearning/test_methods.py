"""Every method of the config group, on a tiny classifier."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.conftest import ROOT, random_set
from tests.victim.pairs import pairs, tiny_clip
from tests.victim.ssl.test_encoder import OPTIONS

from taggant.unlearning.finetune import Finetune
from taggant.unlearning.method import Descent
from taggant.unlearning.request import Diverged, Request
from taggant.unlearning.salun import saliency
from taggant.unlearning.ssd import SSD
from taggant.victim.classifier import Classifier
from taggant.victim.small_net import SmallNet
from taggant.victim.ssl.simclr import SimCLR

METHODS = sorted(p.stem for p in (ROOT / "conf" / "unlearning").glob("*.yaml") if p.stem != "base")
GRADED = [name for name in METHODS if name not in ("none", "retrain")]
SHORT = {"epochs": 1, "iterations": 3}


def method(name: str, **changes):
    config = OmegaConf.load(ROOT / "conf" / "unlearning" / f"{name}.yaml")
    del config["defaults"]
    short = {key: value for key, value in SHORT.items() if key in config}
    return instantiate(OmegaConf.merge(config, short, changes))


def victim(seed: int = 0) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Classifier(
            net=functools.partial(SmallNet, width=2),
            epochs=1,
            batch_size=16,
            lr=0.01,
            momentum=0.9,
            weight_decay=0.0,
            snapshots=1,
            classes=4,
            channels=3,
            image_size=16,
            mean=(0.5, 0.5, 0.5),
            std=(0.3, 0.3, 0.3),
        )


def request_of(model) -> Request:
    data = random_set(40)
    return Request(
        victim=model,
        forget=data.select(list(range(10))),
        retain=data.select(list(range(10, 40))),
        seed=3,
        device=torch.device("cpu"),
        anew=lambda images: victim(len(images)),
        fresh=functools.partial(victim, 7),
    )


def request_of_pairs() -> Request:
    torch.manual_seed(0)
    model = tiny_clip(batch_size=4)
    cpu, fresh = torch.device("cpu"), functools.partial(tiny_clip, batch_size=4)
    return Request(model, pairs(5), pairs(8, 1), 3, cpu, None, fresh)


def encoder() -> SimCLR:
    torch.manual_seed(0)
    return SimCLR(**OPTIONS)


def same(one, other) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", [*GRADED, "none"])
def test_strength_zero_changes_nothing_bit_for_bit(name):
    model = victim()
    before = copy.deepcopy(model)
    assert same(method(name, strength=0.0)(request_of(model)), before)


def test_none_changes_nothing_at_any_strength():
    model = victim()
    assert same(method("none", strength=9.0)(request_of(model)), victim())


@pytest.mark.parametrize("name", GRADED)
def test_methods_move_the_weights_count_their_steps_and_repeat(name):
    requests = [request_of(victim()) for _ in range(2)]
    first, second = (method(name, strength=2.0)(request) for request in requests)
    assert same(first, second)
    assert not same(first, victim())
    assert requests[0].steps == requests[1].steps > 0


@pytest.mark.parametrize("name", GRADED)
def test_image_text_models_unlearn_as_well(name):
    request = request_of_pairs()
    before = copy.deepcopy(request.victim)
    assert not same(method(name, strength=2.0)(request), before)
    assert all(torch.isfinite(weight).all() for weight in request.victim.parameters())


@pytest.mark.parametrize("name", GRADED)
def test_encoders_unlearn_where_neither_labels_nor_logits_are_needed(name):
    model, chosen = encoder(), method(name, strength=2.0)
    if {"logits", "relabelled"} & {*chosen.needs}:
        with pytest.raises(ValueError, match="this victim has no"):
            chosen.check(model)
        return
    chosen.check(model)
    before, request = copy.deepcopy(model), request_of(model)
    assert not same(chosen(request), before)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
    assert request.steps > 0


def test_strength_scales_the_step():
    moved = []
    for strength in (1.0, 2.0):
        model = victim()
        method("warnecke_first_order", strength=strength)(request_of(model))
        moved.append(model.net.head.weight - victim().net.head.weight)
    assert torch.allclose(2 * moved[0], moved[1], atol=1e-6)


def test_retraining_takes_the_retain_set_and_no_strength():
    assert same(method("retrain", strength=0.0)(request_of(victim())), victim(30))


def test_ssd_with_an_infinite_threshold_is_the_identity():
    model = victim()
    assert same(SSD(threshold=float("inf"))(request_of(model)), victim())


def test_ssd_never_enlarges_a_weight():
    after = SSD(threshold=0.5, dampening=2.0)(request_of(victim()))
    for new, old in zip(after.parameters(), victim().parameters(), strict=True):
        assert (new.abs() <= old.abs()).all()


def test_masked_weights_stay_under_momentum_and_weight_decay():
    model = victim()
    model.weight_decay = 0.1
    request = request_of(model)
    masks = saliency(request, share=0.25)
    kept = sum(int(m.sum()) for m in masks) / sum(m.numel() for m in masks)
    assert kept == pytest.approx(0.25, abs=0.01)
    step = Descent(request, 1.0, masks)
    for batch in request.batches(request.retain, 2):
        step(model.batch_loss(batch))
    for new, old, mask in zip(model.parameters(), victim().parameters(), masks, strict=True):
        assert torch.equal(new[mask == 0], old[mask == 0])


def test_a_loss_that_is_not_finite_ends_the_descent():
    step = Descent(request_of(victim()), 1.0)
    with pytest.raises(Diverged, match="loss nan after 0 gradient steps"):
        step(torch.tensor(float("nan")))


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match=r"unlearning\.strength = -1"):
        Finetune(strength=-1.0)


def test_random_labels_are_never_the_true_ones():
    model, request = victim(), request_of(victim())
    for batch in request.batches(request.retain, 3):
        wrong = model.relabelled(batch, request.generator())
        assert torch.equal(wrong[0], batch[0])
        assert (wrong[1] != batch[1]).all()
        assert ((wrong[1] >= 0) & (wrong[1] < 4)).all()
