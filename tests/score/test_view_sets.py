"""Which views a score looks through: functions of the secret, the model and the raw image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from torch import nn

from taggant.data.augment import CropFlip
from taggant.data.probes import Added
from taggant.data.resized_crop import ResizedCrop
from taggant.score import Oracle, Score, likeness, membership
from taggant.score.access import Embedding, Full, Label
from taggant.score.nearest import Nearest
from taggant.score.view_sets import Grid, Hardest, Mixed, Random, RawScores

DATA = random_set(5, size=16)
SEEDS = list(range(5))
NOTHING = RawScores(torch.empty(0), torch.clone)
ASK = {Hardest(): 162, Mixed(): 162}


def score(view_set, views=8, augment=None, statistic=membership.loss) -> Score:
    return Score(statistic, Full(), views, augment or CropFlip(4), view_set=view_set)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(768, 4)).double()
    return Oracle(_Scaled(net), Full(), 64)


class _Scaled(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images.double() / 64).float()


def per_view(oracle, image, label):
    every = CropFlip(4).every()
    shown = CropFlip(4).apply(image.expand(len(every), *image.shape), every)
    return every, membership.loss(oracle.query(shown), label.expand(len(every)))


def test_every_shift_and_flip_is_listed_once():
    every = CropFlip(4).every()
    assert every.shape == (162, 3)
    assert len(every.unique(dim=0)) == 162
    assert every.amax(0).tolist() == [8, 8, 1]
    assert len(CropFlip(2, flip=False).every()) == 25


@pytest.mark.parametrize("count", [1, 4, 8, 9, 18, 40])
def test_a_grid_is_spread_evenly(count):
    drawn = Grid().choose(CropFlip(4), count, [torch.Generator().manual_seed(1)], NOTHING)[0]
    assert drawn.shape == (count, 3)
    assert drawn.dtype == torch.int64
    assert abs(int(drawn[:, 2].sum()) - count / 2) <= 0.5
    for axis in (0, 1):
        seen = drawn[:, axis].bincount(minlength=9)
        assert len(seen) == 9
        assert int(seen.max()) <= -(-count // 9) + 1
    assert (
        int(Grid().choose(CropFlip(4, False), 8, [torch.Generator()], NOTHING)[0, :, 2].sum()) == 0
    )


def test_each_view_of_a_grid_alone_is_a_fair_draw():
    drawn = torch.stack(
        [CropFlip(4).stratified(3, torch.Generator().manual_seed(seed))[0] for seed in range(4000)]
    )
    for axis, kinds in ((0, 9), (1, 9), (2, 2)):
        seen = drawn[:, axis].bincount(minlength=kinds).double()
        expected = 4000 / kinds
        assert float(((seen - expected) ** 2 / expected).sum()) < 40


def test_random_views_are_those_that_were_drawn_before_there_were_sets():
    expected = CropFlip(4).draw(8, torch.Generator().manual_seed(3))
    assert torch.equal(score(Random()).draw_views([3])[0], expected)


def test_hardest_are_the_lowest_scores_of_the_raw_image(oracle):
    views = score(Hardest()).views_of(oracle, DATA.images, DATA.labels, SEEDS)
    for image, label, chosen in zip(DATA.images, DATA.labels, views, strict=True):
        every, scores = per_view(oracle, image, label)
        lowest = set(map(tuple, every[scores.argsort()[:8]].tolist()))
        assert set(map(tuple, chosen.tolist())) == lowest


def test_margin_and_log_confidence_agree_on_what_is_hardest(oracle):
    one, other = (
        score(Hardest(), statistic=statistic).views_of(oracle, DATA.images, DATA.labels, SEEDS)
        for statistic in (membership.loss, membership.margin)
    )
    assert torch.equal(one, other)


def test_mixed_is_half_a_grid_and_the_hardest_of_the_rest(oracle):
    views = score(Mixed(), 9).views_of(oracle, DATA.images, DATA.labels, SEEDS)
    spread = score(Grid(), 4).draw_views(SEEDS)
    assert torch.equal(views[:, :4], spread)
    for image, label, chosen in zip(DATA.images, DATA.labels, views, strict=True):
        assert len(chosen.unique(dim=0)) >= 5 + len(chosen[:4].unique(dim=0))
        every, scores = per_view(oracle, image, label)
        taken = set(map(tuple, chosen[:4].tolist()))
        order = [tuple(every[i].tolist()) for i in scores.argsort(stable=True).tolist()]
        left = [view for view in order if view not in taken]
        assert [tuple(view) for view in chosen[4:].tolist()] == left[:5]


@pytest.mark.parametrize("view_set", [Random(), Grid(), Hardest(), Mixed()])
def test_views_are_paid_for_and_depend_on_no_other_image(oracle, view_set):
    asked = score(view_set)
    before = oracle.queries
    together = asked.views_of(oracle, DATA.images, DATA.labels, SEEDS)
    assert oracle.queries - before == 5 * asked.choosing
    assert asked.choosing == ASK.get(view_set, 0)
    for i in reversed(range(5)):
        part = slice(i, i + 1)
        alone = asked.views_of(oracle, DATA.images[part], DATA.labels[part], [i])
        assert torch.equal(alone[0], together[i])


@pytest.mark.parametrize("view_set", [Random(), Grid(), Hardest(), Mixed()])
def test_one_view_is_the_version_itself_and_costs_nothing(oracle, view_set):
    asked = score(view_set, views=1)
    assert asked.choosing == 0
    views = asked.views_of(oracle, DATA.images, DATA.labels, SEEDS)
    expected = membership.loss(oracle.query(DATA.images), DATA.labels)
    assert torch.equal(asked(oracle, DATA.images, DATA.labels, views), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: score(Grid(), augment=ResizedCrop()), r"score/view_set=grid needs shifts"),
        (lambda: score(Hardest(), augment=ResizedCrop()), r"view_set=hardest needs shifts"),
        (lambda: score(Mixed(), augment=ResizedCrop()), r"ResizedCrop is something else"),
        (
            lambda: Score(
                likeness.pairwise_cosine,
                Embedding(),
                8,
                CropFlip(),
                None,
                "embedding",
                view_set=Hardest(),
            ),
            "compares views with each other",
        ),
        (lambda: score(Nearest()), "nearest needs pixels to add"),
        (lambda: score(Random(), augment=Added()), "random needs"),
        (lambda: nearest().draw_views([0]), "which is not done here"),
        (lambda: score(Hardest()).draw_views([0]), "which is not done here: choose random"),
    ],
)
def test_what_a_set_cannot_be_chosen_of_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def nearest(views=8, **options) -> Score:
    """Votes by labels alone."""
    way = Nearest(**{"rounds": 3, "noises": 16, **options})
    return Score(membership.votes, Label(), views, Added(), average=None, view_set=way)


def test_the_nearest_turn_of_the_raw_images_label_is_looked_for(oracle):
    labels = oracle.query(DATA.images).argmax(1)
    seen = Oracle(oracle.model, Label(), 64)

    views, early = (
        nearest(32, rounds=rounds).views_of(seen, DATA.images, labels, SEEDS).float()
        for rounds in (6, 0)
    )

    assert views.shape == (5, 32, 3, 16, 16)
    assert seen.queries == 5 * (nearest(rounds=6).choosing + nearest(rounds=0).choosing)
    sizes, first = views.square().mean((2, 3, 4)).sqrt(), early.square().mean((2, 3, 4)).sqrt()
    assert (sizes[:, 4] < 0.7 * first[:, 4]).sum() == 4  # the fifth one's label never turns
    assert torch.allclose(sizes[:, 12], 2 * sizes[:, 4], rtol=0.15)
    shown = (DATA.images[:, None] + views).clamp(0, 255).to(torch.uint8).flatten(0, 1)
    right = oracle.query(shown).argmax(1).view(5, 32) == labels[:, None]
    assert right[:4, :4].float().mean() > 0.7
    assert right[:4, 8:].float().mean() < 0.3


def test_the_search_costs_what_the_pages_say():
    assert Nearest().queries(Added()) == 911


def test_what_is_nearest_depends_on_the_raw_image_alone(oracle):
    labels = oracle.query(DATA.images).argmax(1)
    asked, seen = nearest(), Oracle(oracle.model, Label(), 64)
    together = asked.views_of(seen, DATA.images, labels, SEEDS)
    for i in reversed(range(5)):
        part = slice(i, i + 1)
        alone = asked.views_of(seen, DATA.images[part], labels[part], [9])
        assert torch.equal(alone[0], together[i])
    wrong = asked.views_of(seen, DATA.images, (labels + 1) % 4, SEEDS)
    assert wrong.abs().max() <= 1 + 4 * 1.5 * 4


def test_log_confidence_through_views_keeps_what_confidences_lose():
    """float32 has nothing between 1 - 6e-8 and 1: the mean must not pass through confidences."""
    logits = torch.tensor([[30.0, 0.0], [40.0, 0.0]])
    net = _Constant(logits)
    asked = score(Random(), views=2)
    labels = torch.zeros(1, dtype=torch.int64)
    oracle = Oracle(net, Full(), 2)
    image = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    expected = -(np.exp(-30.0) + np.exp(-40.0)) / 2
    value = float(asked(oracle, image, labels, asked.draw_views([0]))[0])
    assert value == pytest.approx(expected, rel=1e-5)


class _Constant(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits[: len(images)]
