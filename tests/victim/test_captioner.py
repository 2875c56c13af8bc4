from __future__ import annotations

import pytest
import torch
from open_clip import CoCaLoss
from tests.victim.pairs import pairs, tiny_captioner
from torch.nn.functional import log_softmax

DATA = pairs(12)


def test_loss_is_open_clips_where_captions_are_equally_long():
    victim = tiny_captioner()
    batch = DATA.images[:10], victim.tokens(DATA.select(range(10)))
    assert len({int((row != 0).sum()) for row in batch[1]}) == 1
    losses = victim.example_loss(batch)
    out = victim.net(victim.pixels(batch[0]), batch[1])
    expected = sum(CoCaLoss(caption_loss_weight=2, clip_loss_weight=1)(**out))
    assert losses.mean().item() == pytest.approx(expected.item(), abs=1e-4)
    losses.mean().backward()
    assert all(weight.grad is not None for weight in victim.net.text_decoder.parameters())


def test_captioning_loss_is_that_of_each_caption_alone():
    victim = tiny_captioner()
    tokens = victim.targets(DATA)
    losses = victim.captioning_loss(victim(DATA.images), tokens)
    assert torch.equal(victim.captioning_loss(victim(DATA.images)[3:4], tokens[3:4]), losses[3:4])
    logits = log_softmax(victim.net(victim.pixels(DATA.images), tokens)["logits"][3], dim=1)
    own = [number for number in tokens[3, 1:].tolist() if number]
    expected = -sum(logits[i, number] for i, number in enumerate(own)) / len(own)
    assert losses[3].item() == pytest.approx(expected.item(), abs=1e-4)


def test_learning_to_write_lowers_the_loss_and_measures_tell():
    torch.manual_seed(0)
    victim = tiny_captioner()
    before, batch = victim.measures(DATA), (DATA.images, victim.tokens(DATA))
    assert before["utility_baseline"] == pytest.approx(1 / 12)
    optimizer = victim.optimizer()
    for _ in range(15):
        optimizer.zero_grad()
        victim.example_loss(batch).mean().backward()
        optimizer.step()
    assert victim.measures(DATA)["caption_loss"] < before["caption_loss"] / 2
