from __future__ import annotations

import pytest
import torch
from torch import nn

from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.reference import References


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 3}, "reference.count = 3: accepted are 0, 4, 6"),
        ({"count": 2}, "reference.count = 2"),
        ({"count": -2}, "reference.count = -2"),
        ({"count": 1, "known": False}, "reference.public = 0"),
        ({"count": 4, "weight": 1.5}, "reference.weight = 1.5: accepted are numbers from 0 to 1"),
    ],
)
def test_what_are_no_references_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        References(**arguments)


class Slope(nn.Module):
    """Logits (slope * mean brightness, 0)."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope

    def forward(self, images):
        own = self.slope * images.double().mean((1, 2, 3)) / 255
        return torch.stack([own, torch.zeros_like(own)], 1)


def test_a_score_is_less_what_references_say_of_the_same_version():
    score = Score(membership.margin, Full())
    images = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 4, 4) * 50
    targets, views = torch.zeros(5, dtype=torch.int64), torch.zeros(5, 1, 3, dtype=torch.int64)
    victim, *others = (Oracle(Slope(slope), Full(), 5) for slope in (4.0, 1.0, 3.0))
    less = score.less([(other, score) for other in others], 0.75)
    found = less(victim, images, targets, views)
    brightness = torch.arange(5) * 50 / 255
    assert torch.allclose(found, (4 - 0.75 * 2) * brightness, atol=1e-5)
    assert victim.queries == 5  # nobody asks the victim more for it
    alone = score.less([], 0.75)(victim, images, targets, views)
    assert torch.allclose(alone, 4 * brightness, atol=1e-5)
