from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.generative.tiny import tiny_latent

DATA = random_set(12)
BATCH = DATA.images, torch.zeros(12, dtype=torch.int64)


def test_latents_are_what_is_denoised():
    victim = tiny_latent().eval()
    with torch.no_grad():
        latents = victim(DATA.images)
        assert latents.shape == (12, 2, 8, 8)
        assert torch.equal(victim(DATA.images), latents)
        assert victim.decode(latents).shape == DATA.images.shape
        assert victim.sample(BATCH[1][:2]).shape == (2, 3, 16, 16)
    assert set(victim.measures(DATA)) == {"utility", "frechet", "vae_error"}


def test_the_noise_teaches_the_denoiser_only():
    victim, before = tiny_latent(), tiny_latent().spread.clone()
    victim.noise_loss(victim(DATA.images).detach(), BATCH[1]).backward()
    assert all(weight.grad is None for weight in victim.vae.parameters())
    victim.zero_grad(set_to_none=True)
    torch.manual_seed(0)
    victim.batch_loss(BATCH).backward()
    vae = [weight.grad.clone() for weight in victim.vae.parameters()]
    assert victim.spread != before
    other = tiny_latent()
    with torch.no_grad():
        for weight in other.net.parameters():
            weight.add_(1)
    torch.manual_seed(0)
    other.batch_loss(BATCH).backward()
    same = zip(vae, other.vae.parameters(), strict=True)
    assert all(torch.equal(grad, weight.grad) for grad, weight in same)


def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    whole, _ = fit(tiny_latent(samples=0), DATA, DATA, tmp_path / "whole")
    with pytest.raises(SystemExit):
        fit(tiny_latent(samples=0), DATA, DATA, tmp_path / "killed", Kill(1))
    rest, _ = fit(tiny_latent(seed=1, samples=0), DATA, DATA, tmp_path / "killed")
    assert all(torch.equal(whole[name], rest[name]) for name in whole)


def test_images_that_the_vae_cannot_halve_are_refused():
    with pytest.raises(ValueError, match=r"data\.size = 15: the VAE \(victim\.vae_multipliers\)"):
        tiny_latent(image_size=15)
