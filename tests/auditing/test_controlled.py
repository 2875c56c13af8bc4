"""Controlled publication on models: what they know of the split, and what they do not."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from tests.conftest import random_set
from torch import nn
from torch.nn.functional import cross_entropy

from taggant.auditing.controlled import ControlledAudit, evidence, owner, rates
from taggant.auditing.membership import image_scores
from taggant.auditing.sets import by_set
from taggant.data.augment import CropFlip
from taggant.marking.device import MarkingDevice
from taggant.marking.instances import Population
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.none import Unmarked
from taggant.marking.publish import publish, published_versions, raw_sha256
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full
from taggant.score.view_sets import Hardest, Random
from taggant.stats import control_p_values, rank

COUNT, CLASSES = 400, 4
MARKS = NVersion(20, 10, Sign(2))
SCORE = Score(membership.margin, Full())


class _Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(192, 48), nn.ReLU(), nn.Linear(48, CLASSES)
        )

    def forward(self, images):
        return self.net(images.float() / 255 - 0.5)


def learnt(images, labels, seed=0, epochs=60):
    torch.manual_seed(seed)
    model = _Net()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(epochs):
        for chosen in torch.randperm(len(images)).split(50):
            loss = cross_entropy(model(images[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


@functools.cache
def population(key: int = 0, scheme=MARKS, withhold: int = COUNT // 2):
    raw = random_set(COUNT, seed=1, size=8, classes=CLASSES)
    digests = raw_sha256(raw.images)
    ledger = Ledger.draw(
        bytes([key] * 32), "t", scheme.parameters(), scheme.n, raw.ids, digests, withhold=withhold
    )
    order = [i for i, name in enumerate(raw.ids) if name not in set(ledger.withheld)]
    order += [i for i, name in enumerate(raw.ids) if name in set(ledger.withheld)]
    return Population(raw.select(order), scheme, ledger, np.arange(COUNT) < COUNT - withhold)


def scores_of(model, who, versions=4):
    return image_scores(Oracle(model, Full(), 64), SCORE, who, who.raw.labels, versions)


def p_values(scores, who):
    draws = [who.ledger.draws(name) for name in who.raw.ids]
    keys = np.array([one.uniform("withheld/ties") for one in draws])
    spread = np.array([one.uniform("withheld/spread") for one in draws])
    return control_p_values(scores, who.published, keys, spread)


@pytest.mark.parametrize("kind", ["untrained", "raw"])
def test_a_model_that_is_blind_to_the_split_gives_uniform_p_values(kind):
    """Also one that learnt every raw image by heart: members and withheld ones alike."""
    raw = population().raw
    model = _Net() if kind == "untrained" else learnt(raw.images, raw.labels)
    scores = scores_of(model, population())
    by_id = dict(zip(population().raw.ids, scores, strict=True))
    found = []
    for key in range(16):  # another split of the same images, under the same model
        who = population(key)
        found.append(p_values(np.array([by_id[name] for name in who.raw.ids]), who))
    assert sum(map(len, found)) >= 3000
    assert kstest(np.concatenate(found)[:: len(found[0]) // 20], "uniform").pvalue > 0.001
    for p in (0.05, 0.2):
        share = np.mean([np.mean(values <= p) for values in found])
        assert share == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 3200 * 2))


@pytest.mark.parametrize("asked", ["raw", 4])
def test_used_images_stand_out_and_unused_ones_do_not(asked):
    who = population()
    shown = published_versions(
        who.scheme, who.ledger, who.raw.select(range(100)), MarkingDevice.here()
    )
    model = learnt(shown, who.raw.labels[:100])
    p = p_values(scores_of(model, who, asked), who)
    assert np.mean(p[:100] <= 0.05) > 0.5
    assert np.mean(p[100:] <= 0.05) < 0.15


def test_the_raw_image_is_asked_as_it_is():
    who, model = population(), _Net()
    with torch.inference_mode():
        answers = Full()(model(who.raw.images))
    expected = membership.margin(answers, who.raw.labels).numpy()
    assert scores_of(model, who, "raw") == pytest.approx(expected, abs=1e-5)


def test_images_without_marks_can_be_audited():
    who = population(scheme=Unmarked())
    model = learnt(who.raw.images[:100], who.raw.labels[:100])
    p = p_values(scores_of(model, who), who)
    assert np.mean(p[:100] <= 0.05) > 0.5
    assert np.mean(p[100:] <= 0.05) < 0.15


@pytest.mark.parametrize("asked", ["raw", 4])
def test_a_score_knows_neither_the_published_index_nor_the_split(asked):
    who = population()
    other = Ledger(**{**vars(who.ledger), "published": (0,) * COUNT, "withheld": ()})
    moved = Population(who.raw, who.scheme, other, ~who.published)
    model = _Net()
    assert np.array_equal(scores_of(model, who, asked), scores_of(model, moved, asked))


def test_a_score_is_a_function_of_its_image_alone():
    who = population()
    few = Population(who.raw.select(range(30, 50)), who.scheme, who.ledger, who.published[30:50])
    model = _Net()
    assert scores_of(model, few) == pytest.approx(scores_of(model, who)[30:50], abs=1e-5)


def test_the_split_is_uniform_and_follows_from_the_secret_alone():
    """Every image is withheld about as often as any other, whatever the order of the list."""
    ids = [f"{i:032x}" for i in range(8)]
    counts = np.zeros(8)
    for key in range(400):
        drawn = Ledger.draw(key.to_bytes(32, "big"), "t", {}, 2, ids, ids, withhold=3).withheld
        again = Ledger.draw(key.to_bytes(32, "big"), "t", {}, 2, ids[::-1], ids, withhold=3)
        assert set(drawn) == set(again.withheld)
        counts += [name in drawn for name in ids]
    assert counts.sum() == 1200
    assert counts == pytest.approx(np.full(8, 150), abs=4 * np.sqrt(400 * 3 / 8 * 5 / 8))


def test_publishing_leaves_the_withheld_out_everywhere():
    who = population()
    published = publish(who.scheme, who.ledger, who.raw, 100)
    assert not set(published.ids) & set(who.ledger.withheld)
    train = published.training_set(who.raw)
    assert set(train.ids) == set(published.ids[:100])
    assert who.ledger.commitment() != Ledger(**{**vars(who.ledger), "withheld": ()}).commitment()


def test_views_of_an_image_may_be_those_in_which_the_raw_one_is_hardest():
    who, augment = population(), CropFlip(1)
    hard = Score(membership.margin, Full(), 2, augment, view_set=Hardest())
    oracle = Oracle(learnt(who.raw.images, who.raw.labels, epochs=2), Full(), 64)
    found = image_scores(oracle, hard, who, who.raw.labels, 2)
    spread = replace(hard, view_set=Random())
    assert found.mean() < image_scores(oracle, spread, who, who.raw.labels, 2).mean()


def small_evidence(totals):
    rng = np.random.default_rng(0)
    published = np.arange(60) < 40
    scores = rng.normal(size=60) + 2.0 * (np.arange(60) < 20)
    return evidence(scores, published, rng.random(60), None, totals, 100, rng.random(40))


def test_both_kinds_of_evidence_are_joined_as_fixed_beforehand():
    totals = np.arange(40) * 2
    both = small_evidence(totals).of(0.5)
    assert list(both) == ["versions", "controls", "combined"]
    assert small_evidence(totals).of(1.0)["combined"] == pytest.approx(both["versions"])
    assert small_evidence(totals).of(0.0)["combined"] == pytest.approx(both["controls"])
    assert list(small_evidence(None).of(0.5)) == ["controls"]


def test_a_model_that_answers_all_images_alike_is_claimed_of_none():
    published, ones = np.arange(60) < 40, np.ones(60)
    found = evidence(ones, published, np.full(60, 0.5), None, None, 100, ones[:40])
    assert found.controls is not None
    assert found.controls.min() == 20.5 / 21
    assert owner(None, ones, published, None, 0.5, np.random.default_rng(0))["owner_log10_p"] == 0


def test_rates_and_sets_by_kind_of_evidence():
    found, used = small_evidence(np.zeros(40, np.int64)), np.arange(40) < 20
    row = rates(found.of(0.5), used, 0.05)
    assert row["detection_rate_versions"] == 1.0
    table = by_set(found, used, (1, 4, 50), seed=0, count=50)
    assert table["size"].unique().to_list() == [1, 4]  # no group has 50
    strict = table.filter((table["p"] == 0.001) & (table["size"] == 4))
    assert strict.filter((strict["group"] == "used") & (strict["evidence"] == "versions"))[
        "claimed"
    ].to_list() == [1.0]


@pytest.mark.parametrize("strata", [None, np.arange(30) % 2])
@pytest.mark.parametrize("most", [0, 10**9], ids=["drawn", "counted"])
def test_the_published_set_has_an_exact_p_value(strata, most, monkeypatch):
    """By counting all splits, or by drawing some; over splits that the scores know nothing of."""
    monkeypatch.setattr("taggant.stats.controlled_sets._CELLS", most)
    monkeypatch.setattr("taggant.auditing.controlled.DRAWS", 99)
    rng, found = np.random.default_rng(2), []
    scores, used = rng.normal(size=30), np.arange(30) < 10
    for _ in range(200):
        published = rng.permutation(used)
        case = published, strata, 0.5, np.random.default_rng(1)
        found.append(owner(rng.random(10), scores, *case))
    for kind in ("versions", "controls", "combined"):
        p = 10 ** np.array([one[f"owner_log10_p_{kind}"] for one in found])
        for x in (0.1, 0.5):
            assert np.mean(p <= x) == pytest.approx(x, abs=4 * np.sqrt(x * (1 - x) / 200))
    knows = owner(None, scores + 9 * used, used, strata, 0.5, rng)
    assert list(knows) == ["owner_log10_p_controls", "owner_log10_p"]
    assert knows["owner_log10_p"] < -1.99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sets": [5, 0]}, r"audit.sets = \[5, 0\]: 0, accepted are 1, 2, 3"),
        ({"weight": 1.5}, "audit.weight = 1.5"),
        ({"asked": 0}, "audit.asked = 0"),
        ({"strata": "colour"}, "audit.strata = 'colour': accepted are null"),
    ],
)
def test_what_is_no_audit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ControlledAudit(p=0.05, test=rank, **arguments)
