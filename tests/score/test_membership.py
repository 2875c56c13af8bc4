from __future__ import annotations

import math

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


def test_votes_count_views_whose_label_is_right():
    labels = torch.tensor([1, 1, 1])
    shown = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1]])
    logs = torch.nn.functional.one_hot(shown, 2).float().clamp(min=1e-5).log()
    found = membership.votes(logs, labels)
    assert found.tolist() == pytest.approx([0.75, 0.75, 0.25], abs=0.1)
    assert found[0] != found[1]  # one vote each way, of different views


def test_more_votes_are_more_whichever_views_they_are_of():
    """However weights fall, those with one right view more score higher."""
    draws = torch.rand(400, 64, generator=torch.Generator().manual_seed(0)) < 0.5
    logs = torch.nn.functional.one_hot(draws.long(), 2).float()
    found = membership.votes(logs, torch.ones(400, dtype=torch.int64))
    counts = draws.sum(1)
    order = found.argsort()
    assert (counts[order].diff() >= 0).all()
    assert len(found.unique()) > 390


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


MARGINS = torch.linspace(20, 30, 1000)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("level", [Full(), TopK(2), TopK(3), TopK(9)])
def test_memorised_images_are_told_apart(score, level):
    """Float32 has no number between 1 - 6e-8 and 1, where their confidences lie."""
    logits = torch.stack([MARGINS, torch.zeros(1000), torch.full((1000,), -1.0)], 1)
    values = score(level(logits), torch.zeros(1000, dtype=torch.int64))
    assert len(values.unique()) > 990
    assert values.diff().min() >= 0
    assert values[-1] > values[0]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("own", [0, 1, 2])
def test_values_are_those_of_float64(score, own):
    """As the definitions say them, of images that are learned by heart, right or wrong."""
    logits = torch.stack([MARGINS, torch.zeros(1000), torch.full((1000,), -1.0)], 1)
    p = logits.double().softmax(1)
    rest = torch.stack([p[:, [1, 2]].sum(1), p[:, [0, 2]].sum(1), p[:, [0, 1]].sum(1)], 1)
    log_p = torch.log1p(-rest).where(rest < 0.5, p.log())
    log_rest = torch.log1p(-p).where(p < 0.5, rest.log())
    others = [c for c in range(3) if c != own]
    expected = {
        membership.loss: log_p[:, own],
        membership.margin: log_p[:, own] - log_rest[:, own],
        membership.hinge: logits[:, own] - logits[:, others].amax(1),
        membership.entropy: (p * log_p).sum(1),
        membership.modified_entropy: rest[:, own] * log_p[:, own]
        + (p * log_rest)[:, others].sum(1),
    }[score]
    values = score(Full()(logits), torch.full((1000,), own))
    assert torch.allclose(values.double(), expected.double(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("score", SCORES)
def test_averaged_confidences_of_memorised_images_are_told_apart(score):
    """Their mean over views is taken in the score, of confidences next to 1."""
    logits = torch.stack([MARGINS, torch.zeros(1000), torch.full((1000,), -1.0)], 1)
    averaged = torch.stack([Full()(logits), Full()(logits + 0.1)]).logsumexp(0) - math.log(2)
    values = score(averaged, torch.zeros(1000, dtype=torch.int64))
    assert len(values.unique()) > 990
