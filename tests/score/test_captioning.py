from __future__ import annotations

import pytest
import torch
from tests.victim.pairs import pairs, tiny_captioner, tiny_clip

from taggant.score import Oracle, Score
from taggant.score.access import Tokens
from taggant.score.captioning import Captioning

DATA = pairs(5)


def test_score_is_minus_the_victims_loss_whatever_else_is_asked():
    victim = tiny_captioner()
    score = Score(Captioning(), Tokens(), answers="tokens", against="captions")
    score.check(victim)
    with pytest.raises(ValueError, match="answers with embedding, and this score reads tokens"):
        score.check(tiny_clip())
    asked = score.prepared(victim, DATA)
    oracle = Oracle(victim, asked.access, 4)
    tokens = victim.targets(DATA)
    views = asked.draw_views(range(5))
    together = asked(oracle, DATA.images, tokens, views)
    alone = asked(oracle, DATA.images[2:3], tokens[2:3], views[2:3])
    assert torch.equal(together[2:3], alone)
    assert torch.allclose(together, -victim.captioning_loss(victim(DATA.images), tokens))
    assert victim.training
