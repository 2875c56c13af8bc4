from __future__ import annotations

import pytest

from taggant.score import Score, membership
from taggant.score.access import Embedding, Full


def test_a_score_refuses_a_victim_that_answers_otherwise():
    score = Score(membership.margin, Full())
    score.check("logits")
    with pytest.raises(ValueError, match="answers with embedding, and this score reads logits"):
        score.check("embedding")


def test_a_score_refuses_an_access_level_to_other_answers():
    with pytest.raises(ValueError, match="shows embedding, and this score reads logits"):
        Score(membership.margin, Embedding())
