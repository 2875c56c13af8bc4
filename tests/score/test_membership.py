from __future__ import annotations

import pytest
import torch

from taggant.score import membership
from taggant.score.access import Full, Label, Rounded, TopK

SCORES = [
    membership.loss,
    membership.margin,
    membership.hinge,
    membership.entropy,
    membership.modified_entropy,
]
LEVELS = [Full(), TopK(2), Rounded(2), Label()]


def test_values_on_a_hand_made_row():
    p = torch.tensor([[0.7, 0.2, 0.1]])
    y = torch.tensor([0])
    log = p.log()
    assert membership.loss(log, y).item() == pytest.approx(-0.35667, abs=1e-5)
    assert membership.margin(log, y).item() == pytest.approx(0.84730, abs=1e-5)
    assert membership.hinge(log, y).item() == pytest.approx(1.25276, abs=1e-5)
    assert membership.entropy(log, y).item() == pytest.approx(-0.80182, abs=1e-5)
    expected = 0.3 * -0.356675 + 0.2 * -0.223144 + 0.1 * -0.105361
    assert membership.modified_entropy(log, y).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("score", SCORES)
def test_a_more_confident_right_answer_scores_higher(score):
    logits = torch.tensor([[1.0, 0, 0], [2.0, 0, 0], [6.0, 0, 0]])
    values = score(Full()(logits), torch.zeros(3, dtype=torch.long))
    assert values.diff().min() > 0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("level", LEVELS)
def test_finite_for_extreme_answers_and_blind_to_other_rows(score, level):
    logits = torch.tensor([[90.0, -90, 0, 3], [0.0, 0, 0, 0], [-90.0, 90, 1, 2]])
    labels = torch.tensor([0, 1, 0])
    together = score(level(logits), labels)
    alone = torch.cat([score(level(logits[i : i + 1]), labels[i : i + 1]) for i in range(3)])
    assert torch.isfinite(together).all()
    assert torch.equal(together, alone)
