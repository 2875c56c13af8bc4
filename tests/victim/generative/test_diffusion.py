from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.generative.tiny import tiny_diffusion

DATA = random_set(20)
BATCH = DATA.images[:8], torch.zeros(8, dtype=torch.int64)


def test_pixels_are_what_is_denoised_and_come_back():
    victim = tiny_diffusion()
    latents = victim(DATA.images)
    assert latents.min() == -1
    assert latents.max() == 1
    assert torch.equal(victim.decode(latents), DATA.images)


def test_the_average_follows_and_is_what_is_asked():
    victim, condition = tiny_diffusion(), BATCH[1]
    noisy, optimizer = torch.randn(8, 3, 16, 16), victim.optimizer()
    frozen = [weight.clone() for weight in victim.average.module.parameters()]
    for step in range(2):
        victim.batch_loss(BATCH).backward()
        optimizer.step()
        victim.after_step()
        moved = list(victim.net.parameters())
        followed = list(victim.average.module.parameters())
        for there, mine, before in zip(followed, moved, frozen, strict=True):
            due = mine if step == 0 else before + (mine - before) / 2
            assert torch.allclose(there, due, atol=1e-6)
        frozen = [weight.detach().clone() for weight in followed]
    assert not any(weight.requires_grad for weight in victim.average.parameters())
    with torch.no_grad():
        asked = victim.predicted_noise(noisy, condition, 100)
        steps = torch.full((8,), 100)
        assert torch.equal(asked, victim.average(noisy, steps, condition))
        assert not torch.equal(asked, victim.net(noisy, steps, condition))


def test_learning_lowers_the_loss_of_what_is_learned():
    torch.manual_seed(0)
    victim = tiny_diffusion(ema=0.8, patch=1)
    before, optimizer = victim.utility(DATA), victim.optimizer()
    for _ in range(40):
        optimizer.zero_grad()
        victim.batch_loss(BATCH).backward()
        optimizer.step()
        victim.after_step()
    assert victim.utility(DATA) > before + 0.2


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    whole, history = fit(tiny_diffusion(samples=0), DATA, DATA, tmp_path / "whole")
    with pytest.raises(SystemExit):
        fit(tiny_diffusion(samples=0), DATA, DATA, tmp_path / "killed", Kill(1))
    rest, again = fit(tiny_diffusion(seed=1, samples=0), DATA, DATA, tmp_path / "killed")
    assert history == again
    assert all(torch.equal(whole[name], rest[name]) for name in whole)


def test_a_condition_counts_where_it_is_asked_for():
    noisy = torch.randn(2, 3, 16, 16)
    for conditional in (True, False):
        victim = tiny_diffusion(conditional=conditional).eval()
        with torch.no_grad():
            first, other = (
                victim.predicted_noise(noisy, torch.full((2,), label), 10) for label in (0, 3)
            )
        assert torch.equal(first, other) != conditional
    unlabelled = replace(DATA, labels=None)
    assert torch.equal(tiny_diffusion().targets(unlabelled), torch.zeros(20, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"has no labels: victim\.conditional"):
        tiny_diffusion(conditional=True).targets(unlabelled)


def test_weights_to_start_from(tmp_path):
    first, file = tiny_diffusion(), tmp_path / "start.safetensors"
    weights = first.average.module.state_dict()
    save_file({name: one.contiguous() for name, one in weights.items()}, file)
    tuned = tiny_diffusion(seed=1, pretrained=str(file))
    for net in (tuned.net, tuned.average.module):
        for mine, theirs in zip(net.parameters(), first.net.parameters(), strict=True):
            assert torch.equal(mine, theirs)
    with pytest.raises(ValueError, match=r"victim.pretrained = .*no weights of this network"):
        tiny_diffusion(width=8, pretrained=str(file))
    file.write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"victim.pretrained = .*no weights of this network"):
        tiny_diffusion(pretrained=str(file))
    with pytest.raises(ValueError, match="no such file"):
        tiny_diffusion(pretrained=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ema": 1.0}, "victim.ema = 1.0"),
        ({"multipliers": (1, 1, 1, 1)}, "data.size = 16: victim.patch = 4 and 4 levels"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_diffusion(**changes)


def test_samples_follow_from_their_seed_and_disturb_nothing():
    victim = tiny_diffusion().eval()
    victim.batches(DATA, 0, torch.device("cpu"))
    state = torch.get_rng_state()
    first, again, other = (victim.sample(BATCH[1][:2], seed) for seed in (0, 0, 1))
    found = victim.measures(DATA)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.shape == (2, 3, 16, 16)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert set(found) == {"utility", "frechet", "copies"}
    assert set(tiny_diffusion(samples=0).measures(DATA)) == {"utility"}
