from __future__ import annotations

import math
import sys

import pytest
import pytorch_lightning as pl
import torch
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.test_classifier import OPTIONS
from torch import nn

from taggant.victim.dp_sgd import DPClassifier, PoissonBatches, epsilon

CPU = torch.device("cpu")
DATA, OTHER = random_set(40), random_set(12, seed=1)


def private(noise: float = 1.0, norm: float = 1.0, **changes) -> DPClassifier:
    torch.manual_seed(0)
    return DPClassifier(noise, norm, 1e-3, **{**OPTIONS, "warmup": None, **changes})


class Steps(pl.Callback):
    """Keeps the gradients that the optimiser was given, and how many images they are of."""

    def __init__(self):
        self.gradients, self.counts = [], []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.gradients.append([weight.grad.clone() for weight in pl_module.parameters()])
        self.counts.append(len(batch[0]))


def fitted(victim, folder, *callbacks):
    """Final weights and history."""
    return fit(victim, DATA, OTHER, folder, *callbacks)


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_an_image_is_answered_alike_whoever_shares_its_batch():
    victim = private().train()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in victim.modules())
    assert torch.allclose(victim(DATA.images)[:3], victim(DATA.images[:3]), atol=1e-5)


def test_poisson_batches_take_each_image_at_the_same_rate_and_follow_from_the_seed():
    data = random_set(100)
    batches = PoissonBatches(data.images, torch.arange(100), 25, seed=3)
    taken = []
    for epoch in range(200):
        batches.set_epoch(epoch)
        taken += [targets for _, targets in batches]
    assert len(batches) == 4
    assert batches.rate == 0.25
    sizes = torch.tensor([len(targets) for targets in taken], dtype=torch.float64)
    assert abs(sizes.mean() - 25) < 4 * math.sqrt(25 * 0.75 / 800)
    assert abs(sizes.var() / (25 * 0.75) - 1) < 0.3
    counts = torch.cat(taken).bincount(minlength=100).double()
    assert ((counts - 200).abs() < 5 * math.sqrt(200 * 0.75)).all()
    again = PoissonBatches(data.images, torch.arange(100), 25, seed=3)
    assert torch.equal(next(iter(again))[1], taken[0])


def test_an_empty_batch_has_no_loss():
    loss = private().batch_loss((DATA.images[:0], DATA.labels[:0]))
    assert loss == 0


def test_without_noise_and_with_a_wide_norm_it_is_sgd(tmp_path):
    steps = Steps()
    victim = private(noise=0.0, norm=1e9, epochs=1, lr=1e-9)
    weights, history = fitted(victim, tmp_path, steps)
    assert weights.keys() == dict(victim.named_parameters()).keys()
    assert "epsilon" not in history[-1]
    fresh = private()
    images, labels = next(iter(fresh.batches(DATA, 0, CPU)))
    loss = fresh.batch_loss((images, labels)) * len(images) / fresh.batch_size
    for expected, found in zip(
        torch.autograd.grad(loss, list(fresh.parameters())), steps.gradients[0], strict=True
    ):
        assert torch.allclose(expected, found, atol=1e-6)


def test_no_image_moves_the_weights_by_more_than_its_share(tmp_path):
    steps = Steps()
    victim = private(noise=0.0, norm=0.01)
    fitted(victim, tmp_path, steps)
    for gradients, count in zip(steps.gradients, steps.counts, strict=True):
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        assert 0 < norm <= 0.01 * count / victim.batch_size * 1.0001


def test_noise_is_as_large_as_said(tmp_path):
    steps = Steps()
    victim = private(noise=3.0, norm=0.1, epochs=1)
    fitted(victim, tmp_path, steps)
    # Signals are at most 0.1 in norm, spread over thousands of weights.
    values = torch.cat([gradient.flatten() for gradient in steps.gradients[0]])
    assert values.std() == pytest.approx(3.0 * 0.1 / victim.batch_size, rel=0.05)


def test_epsilon_is_of_the_steps_taken_and_survives_a_kill(tmp_path):
    straight = fitted(private(snapshots=2), tmp_path / "straight")
    with pytest.raises(SystemExit):
        fitted(private(snapshots=2), tmp_path / "killed", Kill(1))
    resumed = fitted(private(snapshots=2), tmp_path / "killed")
    assert same(straight[0], resumed[0])
    assert straight[1] == resumed[1]
    rate = OPTIONS["batch_size"] / len(DATA)
    spent = [epsilon(1.0, rate, steps, 1e-3) for steps in (5, 10)]
    assert [row["epsilon"] for row in straight[1]] == spent
    assert 0 < spent[0] < spent[1]
    assert epsilon(2.0, rate, 10, 1e-3) < spent[1]


def test_a_loaded_victim_claims_no_epsilon():
    assert "epsilon" not in private().measures(OTHER)


def test_without_opacus_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(ImportError, match=r"pip install 'taggant\[dp\]'"):
        fitted(private(), tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((-1.0, 1.0, 1e-5), "noise_multiplier = -1"),
        ((1.0, 0.0, 1e-5), "max_grad_norm = 0"),
        ((1.0, 1.0, 1.0), "delta = 1"),
    ],
)
def test_bad_parameters_are_named(settings, message):
    with pytest.raises(ValueError, match=rf"victim\.{message}"):
        DPClassifier(*settings, **OPTIONS)
