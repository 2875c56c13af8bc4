from __future__ import annotations

import json

import pytest
import torch
from tests.conftest import random_set
from tests.victim.fitting import Kill, fit
from tests.victim.generative.tiny import VAE, tiny_latent, vae

from taggant.files import write_atomically
from taggant.victim.generative.export_vae import main
from taggant.victim.training import FINAL, save_weights

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


def test_a_vae_that_is_given_stays_as_it_is():
    victim, other = tiny_latent(vae=str(vae()), latents=9), tiny_latent(seed=7)
    before = {name: weight.clone() for name, weight in victim.vae.state_dict().items()}
    assert all(torch.equal(before[name], other.vae.state_dict()[name]) for name in before)
    optimizer = victim.optimizer()
    victim.batch_loss(BATCH).backward()
    optimizer.step()
    assert all(torch.equal(before[name], one) for name, one in victim.vae.state_dict().items())
    moved = zip(victim.net.parameters(), tiny_latent().net.parameters(), strict=True)
    assert any(not torch.equal(mine, theirs) for mine, theirs in moved)
    assert victim(DATA.images).shape == (12, 2, 8, 8)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("nowhere", {}, r"victim\.vae = .*nowhere': accepted is the folder of a VAE"),
        ("", {}, r"victim\.vae = .*config\.json"),
        (None, {"channels": 1}, r"victim\.vae = .* takes 3 channels, the data have 1"),
    ],
)
def test_what_is_no_vae_for_the_images_is_refused(given, options, message, tmp_path):
    folder = vae() if given is None else tmp_path / given
    with pytest.raises(ValueError, match=message):
        tiny_latent(vae=str(folder), **options)


def test_a_runs_vae_is_given_to_another_one(tmp_path, capsys):
    digest, victim = "ab" * 16, tiny_latent(seed=3)
    (trained := tmp_path / "store" / "train" / digest).mkdir(parents=True)
    (run := tmp_path / "run").mkdir()
    save_weights(victim, trained / FINAL)
    (run / "result.json").write_text(json.dumps({"stages": {"train": {"digest": digest}}}))
    (run / "config.json").write_text(json.dumps({"victim": VAE}))
    command = [str(run), str(tmp_path / "vae"), "--store", str(tmp_path / "store")]
    assert main(command) == 0
    tuned = tiny_latent(vae=str(tmp_path / "vae"))
    with torch.no_grad():
        assert torch.equal(tuned(DATA.images), victim(DATA.images))
    assert main([str(tmp_path), *command[1:]]) == 2
    write_atomically(run / "config.json", json.dumps({"victim": {**VAE, "vae": "there"}}).encode())
    assert main(command) == 2
    assert "has trained no VAE" in capsys.readouterr().err
