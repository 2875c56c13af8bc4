from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import random_set
from torch import nn

from taggant.data.augment import CropFlip
from taggant.score import Oracle, Score, likeness, membership
from taggant.score.access import Embedding, Full


class Floats(nn.Module):
    def forward(self, images):
        return images.float() / 255


class Answers(nn.Module):
    def __init__(self, answers):
        super().__init__()
        self.answers = answers
        self.against = None


def joint(**changes) -> Score:
    options = {"views": 2, "augment": CropFlip(), "average": None, "answers": "embedding"}
    return Score(likeness.pairwise_cosine, **{"access": Embedding(), **options, **changes})


def test_a_score_refuses_a_victim_that_answers_otherwise():
    score = Score(membership.margin, Full())
    score.check(Answers("logits"))
    with pytest.raises(ValueError, match="answers with embedding, and this score reads logits"):
        score.check(Answers("embedding"))


def test_a_score_refuses_an_access_level_to_other_answers():
    with pytest.raises(ValueError, match="shows embedding, and this score reads logits"):
        Score(membership.margin, Embedding())


def test_a_score_refuses_a_victim_without_the_layer():
    joint().check(Answers("embedding"))
    with pytest.raises(ValueError, match="looks at 'project', which this victim does not have"):
        joint(access=Embedding("project")).check(Answers("embedding"))


def test_views_that_are_compared_are_two_at_least():
    with pytest.raises(ValueError, match="compares views, accepted are 2, 3"):
        joint(views=1)


def test_an_unknown_average_is_named():
    with pytest.raises(
        ValueError, match="average = 'all': accepted are 'scores', 'confidences' and null"
    ):
        joint(average="all")
    with pytest.raises(ValueError, match="'confidences': embedding has none"):
        joint(average="confidences")


def test_many_images_are_scored_as_few_are():
    data = random_set(7, size=8, classes=3)
    score = Score(membership.margin, Full(), views=2, augment=CropFlip(1))
    views = score.draw_views(range(7))
    model = nn.Sequential(Floats(), nn.Flatten(), nn.Linear(192, 3))
    few = Oracle(model, Full(), 6)
    found = score.of_many(few, data.images, data.labels, views)
    assert found.dtype == np.float32
    once = score(Oracle(model, Full(), 14), data.images, data.labels, views)
    assert found == pytest.approx(once.numpy(), abs=1e-5)
    assert few.queries == 14
