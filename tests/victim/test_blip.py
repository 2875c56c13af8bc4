from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.victim.pairs import COMMON, pairs
from transformers import BertTokenizerFast

from taggant.victim.blip import MEAN, Blip

DATA = pairs(12)
TEXT = {"vocab_size": 600, "hidden_size": 16, "intermediate_size": 16}
HEADS = {"num_hidden_layers": 1, "num_attention_heads": 2}
VISION = {"hidden_size": 8, "intermediate_size": 16, "patch_size": 8}


def tiny_blip(**changes: Any) -> Blip:
    """A model of 40,000 weights."""
    common = {key: value for key, value in COMMON.items() if key != "normalisation"}
    own = {"text": {**TEXT, **HEADS}, "vision": {**VISION, **HEADS}, "context": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Blip(**{**common, **own, **changes})


def test_loss_is_transformers_own_where_captions_are_equally_long():
    victim = tiny_blip().eval()
    tokens = victim.targets(DATA.select(range(10)))
    assert len({int((row != 0).sum()) for row in tokens}) == 1
    with torch.no_grad():
        loss = victim.batch_loss((DATA.images[:10], tokens))
        due = victim.net(
            pixel_values=victim.pixels(DATA.images[:10]),
            input_ids=tokens,
            attention_mask=(tokens != 0).long(),
            labels=tokens.masked_fill(tokens == 0, -100),
        ).loss
    assert loss.item() == pytest.approx(due.item(), abs=1e-5)


def test_captioning_loss_is_that_of_each_caption_alone():
    victim = tiny_blip()
    tokens, seen = victim.targets(DATA), victim(DATA.images)
    losses = victim.captioning_loss(seen, tokens)
    assert torch.equal(victim.captioning_loss(seen[3:4], tokens[3:4]), losses[3:4])
    with torch.no_grad():
        alone = victim.eval().batch_loss((DATA.images[3:4], tokens[3:4]))
    assert losses[3].item() == pytest.approx(alone.item(), abs=1e-5)


def test_learning_to_write_lowers_the_loss_and_tells_images_apart():
    torch.manual_seed(0)
    victim = tiny_blip()
    before, batch = victim.measures(DATA), (DATA.images, victim.targets(DATA))
    optimizer = victim.optimizer()
    for _ in range(25):
        optimizer.zero_grad()
        victim.batch_loss(batch).backward()
        optimizer.step()
    after = victim.measures(DATA)
    assert after["caption_loss"] < before["caption_loss"] / 2
    assert 0 <= after["utility"] <= 1
    assert after["utility"] == victim.utility(DATA)


def test_real_weights_come_from_a_local_folder(tmp_path):
    first, folder = tiny_blip(), tmp_path / "blip"
    first.net.save_pretrained(folder)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "0", "1", "##1", "2"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    BertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(folder)
    tuned = tiny_blip(pretrained=str(folder))
    for mine, theirs in zip(tuned.net.parameters(), first.net.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert tuned.targets(DATA)[2].tolist() == [2, 5, 8, 3, 0, 0, 0, 0]  # "0 2"
    assert tuned.mean.flatten().tolist() == pytest.approx(MEAN)
    tuned.batch_loss((DATA.images[:4], tuned.targets(DATA)[:4])).backward()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 1}, "BLIP takes 3 channels, the data have 1"),
        (
            {"pretrained": "nowhere"},
            r"victim\.pretrained = 'nowhere': accepted is the local folder",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_blip(**changes)


def test_images_without_captions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has no captions"):
        tiny_blip().targets(replace(DATA, captions=None))
    with pytest.raises(ValueError, match=r"victim\.pretrained = "):
        tiny_blip(pretrained=str(tmp_path))
