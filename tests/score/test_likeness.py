from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from torch.nn.functional import normalize

from taggant.score import likeness
from taggant.score.access import Embedding

SCORES = [likeness.pairwise_cosine, likeness.nearest_view]
NONE = torch.zeros(1)


def directions(*angles: float) -> torch.Tensor:
    radians = torch.tensor(angles).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], 1)[None]


def test_values_on_hand_made_views():
    views = directions(0, 60, 90)
    pairs = (0.5 + 0.0 + 3**0.5 / 2) / 3
    assert likeness.pairwise_cosine(views, NONE).item() == pytest.approx(pairs, abs=1e-6)
    nearest = (0.5 + 3**0.5 / 2 + 3**0.5 / 2) / 3
    assert likeness.nearest_view(views, NONE).item() == pytest.approx(nearest, abs=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_equal_views_are_the_most_alike(score):
    assert score(directions(30, 30, 30), NONE).item() == pytest.approx(1, abs=1e-6)
    assert score(directions(30, 31, 29), NONE) < score(directions(30, 30, 30), NONE)


@pytest.mark.parametrize("score", SCORES)
def test_blind_to_other_rows_and_to_the_order_of_views(score):
    views = normalize(torch.randn(5, 8, 6, generator=torch.Generator().manual_seed(0)), dim=2)
    together = score(views, torch.zeros(5))
    alone = torch.cat([score(row[None], NONE) for row in views])
    assert torch.allclose(together, alone, atol=1e-6)
    assert torch.allclose(together, score(views.flip(1), torch.zeros(5)), atol=1e-6)


class Pixels(torch.nn.Module):
    """Answers with an image's first row."""

    device = torch.device("cpu")

    def forward(self, images):
        return images[:, 0, 0].float()


def test_contrast_is_the_likeness_of_views_beside_that_with_public_images():
    public, temperature = random_set(5, size=4), 0.5
    statistic = likeness.Contrast(3, temperature).prepare(Pixels(), public, Embedding())
    views = normalize(torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0)), dim=2)
    known = normalize(Pixels()(public.images[:3]), dim=1)
    for row, found in zip(views, statistic(views, torch.zeros(2)), strict=True):
        pairs = (row @ row.T)[~torch.eye(6, dtype=torch.bool)].mean() / temperature
        crowd = torch.stack([(view @ known.T / temperature).exp().sum().log() for view in row])
        assert found.item() == pytest.approx((pairs - crowd.mean()).item(), abs=1e-5)
    with pytest.raises(ValueError, match=r"images = 0: accepted are positive"):
        likeness.Contrast(0, 1.0)


def test_small_differences_of_many_views_are_kept():
    base = torch.zeros(2, 64, 512)
    base[..., 0] = 1
    base[0, :, 1] = torch.linspace(0, 1e-3, 64)
    spread, equal = likeness.pairwise_cosine(normalize(base, dim=2), torch.zeros(2))
    assert 0 < 1 - spread < 1e-6
    assert equal == 1
