from __future__ import annotations

from dataclasses import replace

import pytest
import pytorch_lightning as pl
import torch
from open_clip import ClipLoss
from safetensors.torch import save_file
from tests.conftest import random_set
from tests.victim.pairs import CONFIG, pairs, tiny_clip
from torch.nn.functional import normalize

from taggant.victim.clip import recall

DATA = pairs(20)


def test_normalisation_happens_inside_and_the_answer_is_the_image_tower():
    victim = tiny_clip().eval()
    mean = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)
    std = torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1)
    expected = victim.net.visual((DATA.images / 255 - mean) / std)
    assert torch.allclose(victim(DATA.images), expected, atol=1e-5)


def test_targets_are_unit_embeddings_of_each_caption_whatever_the_others():
    victim = tiny_clip()
    targets = victim.targets(DATA)
    assert victim.training
    alone = victim.targets(DATA.select([7]))
    assert torch.equal(alone[0], targets[7])
    assert torch.allclose(targets.norm(dim=1), torch.ones(20))
    assert targets.dtype == torch.float32
    assert len(targets.unique(dim=0)) == 20


def test_mean_loss_of_the_pairs_is_open_clips():
    victim = tiny_clip()
    batch = DATA.images, victim.tokens(DATA)
    losses, logits = victim.example_loss(batch), victim.logits(batch)
    images = normalize(victim(DATA.images), dim=1)
    scale = victim.net.logit_scale.exp()
    expected = ClipLoss()(images, victim.targets(DATA), scale)
    assert losses.mean().item() == pytest.approx(expected.item(), abs=1e-4)
    assert torch.allclose(logits, scale * images @ victim.targets(DATA).T, atol=1e-4)
    one = (logits[3].logsumexp(0) + logits[:, 3].logsumexp(0)) / 2 - logits[3, 3]
    assert losses[3].item() == pytest.approx(one.item(), abs=1e-4)
    losses.mean().backward()
    assert all(weight.grad is not None for weight in victim.parameters())


@pytest.mark.parametrize("size", [2, 3, 20])
def test_relabelled_pairs_all_have_the_caption_of_another(size):
    victim = tiny_clip()
    images, tokens = DATA.images[:size], victim.tokens(DATA)[:size]
    draw = [
        victim.relabelled((images, tokens), torch.Generator().manual_seed(s)) for s in (0, 0, 1)
    ]
    for shown, moved in draw:
        assert torch.equal(shown, images)
        assert not (moved == tokens).all(1).any()
        assert sorted(moved.tolist()) == sorted(tokens.tolist())
    assert torch.equal(draw[0][1], draw[1][1])
    if size == 20:
        assert not torch.equal(draw[0][1], draw[2][1])


def test_recall_counts_both_directions_and_ties_against_the_model():
    likeness = torch.tensor([[3.0, 2.0, 1.0], [0.0, 1.0, 4.0], [0.0, 0.0, 2.0]])
    assert recall(likeness, 1) == pytest.approx((2 + 1) / 6)
    assert recall(likeness, 2) == pytest.approx((3 + 3) / 6)
    assert recall(torch.ones(4, 4), 3) == 0


def test_training_learns_the_pairs():
    torch.manual_seed(0)
    data = DATA.select(range(10))
    victim = tiny_clip(epochs=80, batch_size=10)
    before = victim.measures(data)
    trainer = pl.Trainer(
        max_epochs=80,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(victim, victim.batches(data, 0, torch.device("cpu")))
    after = victim.measures(data)
    assert before["utility"] <= 0.3
    assert 0.7 <= after["utility"] <= after["recall_at_5"]


def test_fine_tuning_is_adam_at_a_constant_rate():
    configured = tiny_clip(warmup=None, lr=1e-5).configure_optimizers()
    assert isinstance(configured, torch.optim.Adam)
    assert configured.defaults["lr"] == 1e-5


def test_the_logit_scale_stays_at_most_100():
    victim = tiny_clip()
    torch.nn.init.constant_(victim.net.logit_scale, 5.0)
    victim.after_step()
    assert victim.net.logit_scale.exp().item() == pytest.approx(100)


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_weights_load_from_open_clips_files_and_train_on(tmp_path, suffix, wrapped):
    """open_clip's trainer writes {"state_dict": ...} with "module." before each name."""
    victim = tiny_clip().eval()
    weights = victim.net.state_dict()
    path = tmp_path / f"weights{suffix}"
    if suffix == ".safetensors":
        save_file(weights, path)
    elif wrapped:
        named = {f"module.{name}": tensor for name, tensor in weights.items()}
        torch.save({"epoch": 1, "state_dict": named}, path)
    else:
        torch.save(weights, path)
    torch.manual_seed(1)
    tuned = tiny_clip(pretrained=str(path), normalisation="data").eval()
    assert torch.equal(tuned(DATA.images), victim(DATA.images))
    assert torch.equal(tuned.targets(DATA), victim.targets(DATA))
    tuned.example_loss((DATA.images, tuned.tokens(DATA))).mean().backward()
    assert all(weight.grad is not None for weight in tuned.parameters())


def test_a_file_that_holds_more_than_weights_is_refused(tmp_path):
    torch.save({"state_dict": tiny_clip}, tmp_path / "code.pt")
    with pytest.raises(Exception, match=r"[Ww]eights"):
        tiny_clip(pretrained=str(tmp_path / "code.pt"))


def test_statistics_of_the_pretrained_weights():
    victim = tiny_clip(normalisation="model")
    assert victim.mean.flatten().tolist() == pytest.approx([0.48145466, 0.4578275, 0.40821073])


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"victim\.model = 'ViT-B-33': accepted are.*ViT-B-32"):
        tiny_clip(model="ViT-B-33")
    with pytest.raises(ValueError, match=r"victim\.pretrained = 'no\.pt'"):
        tiny_clip(pretrained="no.pt")
    with pytest.raises(ValueError, match=r"victim\.normalisation = 'none'"):
        tiny_clip(normalisation="none")
    with pytest.raises(ValueError, match="3 channels, the data have 1"):
        tiny_clip(channels=1)
    with pytest.raises(ValueError, match=r"data\.size = 7: .* patches of 8 pixels"):
        tiny_clip(image_size=7)
    with pytest.raises(ValueError, match=r"vocab_size = 513: accepted are 514 to 49408"):
        tiny_clip(config={**CONFIG, "text_cfg": {**CONFIG["text_cfg"], "vocab_size": 513}})
    with pytest.raises(ValueError, match="no captions"):
        tiny_clip().tokens(replace(random_set(4)))
