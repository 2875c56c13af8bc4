from __future__ import annotations

import functools

import pytest
import torch
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.test_classifier import OPTIONS
from torch import nn
from torch.nn.functional import cross_entropy, unfold

from taggant.victim.airbench import Airbench
from taggant.victim.airbench_net import AirbenchNet
from taggant.victim.small_net import SmallNet

NET = functools.partial(AirbenchNet, width=8)


def airbench(**changes) -> Airbench:
    options = {"net": NET, "bias_rate": 64.0, "label_smoothing": 0.0, **changes}
    return Airbench(**{**OPTIONS, **options})


def test_the_first_layer_whitens_patches_of_training_images():
    victim = airbench()
    data = random_set(40)
    victim.prepare(data)
    pixels = victim.pixels(data.images)
    layer = victim.net.whitening
    answers = nn.functional.conv2d(pixels, layer.weight)
    half = answers[:, :12].transpose(0, 1).flatten(1)
    assert torch.allclose(half @ half.T / half.shape[1], torch.eye(12), atol=1e-2)
    assert torch.equal(answers[:, 12:], -answers[:, :12])
    assert unfold(pixels, 2).shape[1] == 12


def test_patches_are_of_images_of_all_classes(monkeypatch):
    monkeypatch.setattr("taggant.victim.airbench.WHITENED", 10)
    data = random_set(20)
    some = random_set(20)
    some.images[10:] = 0  # a set in the order of its classes
    victims = [airbench() for _ in range(2)]
    for victim, images in zip(victims, (data, some), strict=True):
        victim.prepare(images)
    one, other = (victim.net.whitening.weight for victim in victims)
    assert not torch.allclose(one, other, atol=1e-2)


def test_convolutions_begin_as_copies_of_their_inputs():
    torch.manual_seed(0)
    first = next(m for m in AirbenchNet(4, width=64).features if isinstance(m, nn.Conv2d))
    images = torch.randn(2, 24, 7, 7)
    assert torch.allclose(first(images)[:, :24], images, atol=1e-6)


def test_logits_are_scaled():
    torch.manual_seed(0)
    net = AirbenchNet(4, image_size=16, width=8).eval()
    images = torch.randn(2, 3, 16, 16)
    small = net(images)
    net.scale = 1.0
    assert torch.allclose(9 * small, net(images), atol=1e-5)


def test_shifts_of_batch_norm_learn_faster_and_decay_as_much():
    victim = airbench(lr=0.5, weight_decay=0.01)
    weights, shifts = victim.optimizer(0.5).param_groups
    assert (weights["lr"], shifts["lr"]) == (0.25, 16.0)
    assert weights["lr"] * weights["weight_decay"] == pytest.approx(
        shifts["lr"] * shifts["weight_decay"]
    )
    norms = [m for m in victim.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {id(p) for p in shifts["params"]} == {id(norm.bias) for norm in norms}
    trained = {id(p) for p in (*weights["params"], *shifts["params"])}
    frozen = {id(p) for p in victim.parameters()} - trained
    assert frozen == {id(victim.net.whitening.weight), *(id(norm.weight) for norm in norms)}


def test_each_group_has_a_cycle_of_its_own(tmp_path):
    rates = []

    class Watch(Kill):
        def on_train_batch_end(self, trainer, *_):
            rates.append([group["lr"] for group in trainer.optimizers[0].param_groups])

    fit(airbench(epochs=2), random_set(20), random_set(4), tmp_path, Watch(5))
    assert {round(shift / weight, 6) for weight, shift in rates} == {64.0}
    assert max(weight for weight, _ in rates) > 2 * rates[-1][0]


def test_other_networks_learn_by_the_recipe_too():
    victim = airbench(net=functools.partial(SmallNet, width=4))
    victim.prepare(random_set(4))
    assert len(victim.optimizer().param_groups) == 2


def test_labels_are_smoothed_if_asked_for():
    data = random_set(6)
    batch = (data.images, data.labels)
    victim = airbench(label_smoothing=0.2).eval()
    expected = cross_entropy(victim.logits(batch), data.labels, label_smoothing=0.2)
    assert torch.allclose(victim.batch_loss(batch), expected)
    assert not torch.allclose(airbench().eval().batch_loss(batch), expected)


def test_a_killed_training_ends_as_one_that_was_not(tmp_path):
    def fitted(name, *callbacks):
        torch.manual_seed(0)
        return fit(airbench(epochs=3), random_set(20), random_set(4), tmp_path / name, *callbacks)

    straight, rows = fitted("straight")
    with pytest.raises(SystemExit):
        fitted("killed", Kill(2))
    resumed, others = fitted("killed")
    assert rows == others
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"victim\.bias_rate = 0"):
        airbench(bias_rate=0)
    with pytest.raises(ValueError, match=r"victim\.label_smoothing = 2: accepted .* 0 to 1"):
        airbench(label_smoothing=2)
    with pytest.raises(ValueError, match=r"data\.size = 8: .* 9 pixels or more"):
        airbench(image_size=8)
