from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
from tests.victim.fitting import Kill, fit
from tests.victim.generative.tiny import pipeline, tiny_text_to_image
from tests.victim.pairs import pairs

from taggant.victim.training import load_weights

DATA = pairs(12)


def test_adapters_alone_are_trained_and_saved(tmp_path):
    victim = tiny_text_to_image()
    trained = {name for name, weight in victim.named_parameters() if weight.requires_grad}
    assert trained
    assert all("lora" in name for name in trained)
    assert set(victim.state_dict()) == trained
    start = {name: weight.clone() for name, weight in victim.named_parameters()}
    whole, _ = fit(victim, DATA, DATA, tmp_path / "whole")
    for name, weight in victim.named_parameters():
        assert torch.equal(weight, start[name]) or name in trained
    assert any(not torch.equal(whole[name], start[name]) for name in trained)
    with pytest.raises(SystemExit):
        fit(tiny_text_to_image(), DATA, DATA, tmp_path / "killed", Kill(1))
    rest, _ = fit(tiny_text_to_image(seed=1), DATA, DATA, tmp_path / "killed")
    assert set(rest) == trained
    assert all(torch.equal(whole[name], rest[name]) for name in trained)
    other = tiny_text_to_image(seed=2)
    load_weights(other, tmp_path / "whole" / "final.safetensors")
    noisy, texts = victim(DATA.images), victim.targets(DATA)
    seen = [model.predicted_noise(noisy, texts, 100) for model in (victim.eval(), other.eval())]
    assert torch.equal(*seen)
    with pytest.raises(RuntimeError, match="other weights than those that are trained here"):
        load_weights(tiny_text_to_image(rank=None), tmp_path / "whole" / "final.safetensors")


def test_without_a_rank_the_whole_u_net_learns():
    victim = tiny_text_to_image(rank=None)
    names = {name for name, weight in victim.named_parameters() if weight.requires_grad}
    assert names == {f"net.{name}" for name, _ in victim.net.named_parameters()}


def test_texts_count():
    victim = tiny_text_to_image(rank=None).eval()
    texts, noisy = victim.targets(DATA), victim(DATA.images)
    assert texts.shape == (12, 77, 8)
    assert not torch.equal(texts[0], texts[1])
    seen = [victim.predicted_noise(noisy, rows, 100) for rows in (texts, texts.flip(0))]
    assert not torch.equal(*seen)
    subject = tiny_text_to_image(prompt="a photo of sks")
    texts = subject.targets(replace(DATA, captions=None))
    assert torch.equal(texts, texts[:1].expand_as(texts))
    with pytest.raises(ValueError, match=r"has no captions: accepted is a victim\.prompt"):
        victim.targets(replace(DATA, captions=None))


def test_images_come_out():
    victim = tiny_text_to_image().eval()
    assert victim.sample(victim.targets(DATA)[:2]).shape == (2, 3, 16, 16)


@pytest.fixture
def folder(tmp_path):
    """A pipeline to spoil."""
    return shutil.copytree(pipeline(), tmp_path / "pipeline")


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_a_file_names_is_not_opened(folder):
    edit(folder / "unet" / "config.json", _class_name="subprocess.Popen", _diffusers_version="0")
    victim = tiny_text_to_image(pretrained=str(folder))
    assert type(victim.net).__name__ == "UNet2DConditionModel"


def test_weights_in_pickles_are_not_opened(folder):
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ValueError, match=r"victim\.pretrained = .*safetensors"):
        tiny_text_to_image(pretrained=str(folder))


def test_what_cannot_be_fine_tuned_is_refused(folder):
    with pytest.raises(ValueError, match=r"data\.size = 18: this pipeline takes multiples of 4"):
        tiny_text_to_image(image_size=18)
    with pytest.raises(ValueError, match=r"victim\.rank = 0"):
        tiny_text_to_image(rank=0)
    edit(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    with pytest.raises(ValueError, match="predicts v_prediction over 1000 timesteps: accepted"):
        tiny_text_to_image(pretrained=str(folder))
    shutil.rmtree(folder / "vae")
    with pytest.raises(ValueError, match="it has no vae/"):
        tiny_text_to_image(pretrained=str(folder))
