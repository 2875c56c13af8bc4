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

from taggant.unlearning.bad_teacher import mixed_batches
from taggant.unlearning.finetune import Finetune
from taggant.unlearning.method import Descent
from taggant.unlearning.request import Diverged, Request, filled
from taggant.unlearning.salun import SalUn, saliency
from taggant.unlearning.ssd import SSD
from taggant.victim.classifier import Classifier
from taggant.victim.small_net import SmallNet

METHODS = sorted(p.stem for p in (ROOT / "conf" / "unlearning").glob("*.yaml") if p.stem != "base")
OF_DENOISERS = ("esd",)
GRADED = [name for name in METHODS if name not in ("none", "retrain", *OF_DENOISERS)]
SHORT = {"epochs": 1, "tolerance": 0.1}


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
        retrained=lambda images: victim(len(images)),
        untrained=functools.partial(victim, 7),
    )


def request_of_pairs() -> Request:
    torch.manual_seed(0)
    model = tiny_clip(batch_size=4)
    cpu, fresh = torch.device("cpu"), functools.partial(tiny_clip, batch_size=4)
    return Request(model, pairs(5), pairs(8, 1), 3, cpu, None, fresh)


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
def test_a_logit_scale_stays_within_its_bounds(name):
    """As in training: at most 100, wherever a step would take it."""
    request = request_of_pairs()
    torch.nn.init.constant_(request.victim.net.logit_scale, 6.0)
    method(name, strength=1e-6)(request)
    assert request.victim.net.logit_scale.exp().item() == pytest.approx(100)


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


def test_random_labels_are_drawn_from_all_classes():
    model, request = victim(), request_of(victim())
    (batch, *_), draws = request.batches(request.retain), request.generator()
    drawn = [model.relabelled(batch, draws) for _ in range(200)]
    assert all(images is batch[0] for images, _ in drawn)
    labels = torch.stack([labels for _, labels in drawn])
    assert labels.unique().tolist() == [0, 1, 2, 3]
    assert float((labels == batch[1]).float().mean()) == pytest.approx(1 / 4, abs=0.03)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8, 0.9, 1.0])
def test_the_salient_share_is_exact_where_many_gradients_are_zero(share):
    """Words that no caption has make most of an image-text model's gradients zero."""
    request = request_of_pairs()
    masks = torch.cat([mask.flatten() for mask in saliency(request, share)])
    assert masks.unique().tolist() == ([1] if share == 1 else [0, 1])
    assert int(masks.sum()) == int(share * len(masks))


def test_other_shares_are_refused():
    with pytest.raises(ValueError, match=r"unlearning\.share = 1\.2"):
        SalUn(share=1.2)


ONE_SHOT = ("ssd", "warnecke_first_order", "warnecke_second_order")


@pytest.mark.parametrize("name", ONE_SHOT)
def test_one_shot_methods_see_the_images_as_published(name):
    def augmented(images, generator):
        raise AssertionError("a random augmentation")

    model = victim()
    model.augment = augmented
    assert not same(method(name, strength=2.0)(request_of(model)), victim())


def test_the_mask_sees_the_images_as_published():
    models = victim(), victim()
    models[1].augment = lambda images, generator: images.flip(-1)
    one, other = (saliency(request_of(model), 0.5) for model in models)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_looking_once_leaves_statistics_alone():
    model = victim()
    saliency(request_of(model), 0.5)
    assert same(model, victim())


def test_poisson_samples_without_images_are_passed_over():
    batches = [(torch.zeros(0, 3), torch.zeros(0)), (torch.zeros(2, 3), torch.zeros(2))]
    assert [len(batch[0]) for batch in filled(batches)] == [2]


def test_bad_teaching_mixes_both_sets_and_knows_which_is_which():
    request = request_of(victim())
    forgotten = {bytes(image.numpy().tobytes()) for image in request.forget.images}
    seen = list(mixed_batches(request, request.retain, epoch=1))
    assert sum(len(flags) for _, flags in seen) == 40
    for (images, _), flags in seen:
        assert flags.tolist() == [bytes(i.numpy().tobytes()) in forgotten for i in images]
    assert any(flags.any() and not flags.all() for _, flags in seen)
