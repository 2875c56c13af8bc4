"""The guarantee, tried: models that know nothing of the published index give uniform ranks."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from tests.conftest import random_set
from torch import nn
from torch.nn.functional import cross_entropy

from taggant.audit.engine import read
from taggant.data.augment import CropFlip
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import publish, raw_sha256
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full, Label, Rounded, TopK
from taggant.score.view_sets import Grid, Hardest, Mixed, Random

N, COUNT, CLASSES = 20, 2000, 4
SCORES = ["loss", "margin", "hinge", "entropy", "modified_entropy"]
LEVELS = {"full": Full(), "top_k": TopK(2), "rounded": Rounded(1), "label": Label()}


@functools.cache
def audited() -> Instances:
    raw = random_set(COUNT, seed=1, size=8, classes=CLASSES)
    scheme = NVersion(N, 10, Sign(2))
    digests = raw_sha256(raw.images)
    ledger = Ledger.draw(bytes(32), "calibration", scheme.parameters(), N, raw.ids, digests)
    return Instances(raw, scheme, ledger, publish(scheme, ledger, raw, COUNT // 2))


@functools.cache
def victim(kind: str) -> nn.Module:
    """A small net: untrained, or trained on the raw images until it knows many by heart."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, CLASSES))
    if kind == "raw":
        raw = audited().raw
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(25):
            for chosen in torch.randperm(COUNT).split(100):
                loss = cross_entropy(net(raw.images[chosen] / 255 - 0.5), raw.labels[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        assert loss < 0.9 * np.log(CLASSES)
    return _Centred(net)


class _Centred(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images):
        return self.net(images / 255 - 0.5)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["untrained", "raw"])
def test_exceedances_are_uniform(kind, level, score):
    oracle = Oracle(victim(kind), LEVELS[level], batch_size=4096)
    statistic = Score(getattr(membership, score), LEVELS[level])
    exceedances = read(oracle, statistic, audited()).exceedances()
    # 40 seeded tests: at 1e-4 each, one of them would fail by chance for one seed in 250.
    assert chisquare(np.bincount(exceedances, minlength=N)).pvalue > 1e-4


@pytest.mark.parametrize("view_set", [Random(), Grid(), Hardest(), Mixed()])
@pytest.mark.parametrize("kind", ["untrained", "raw"])
def test_exceedances_are_uniform_through_any_views(kind, view_set):
    oracle = Oracle(victim(kind), Full(), batch_size=4096)
    score = Score(membership.loss, Full(), 2, CropFlip(1), view_set=view_set)
    exceedances = read(oracle, score, audited()).exceedances()
    assert chisquare(np.bincount(exceedances, minlength=N)).pvalue > 1e-4


@pytest.mark.parametrize("looked_at", ["raw", "published"])
def test_views_chosen_on_the_published_version_would_break_the_null(looked_at):
    """What the raw image is for."""
    few, owner = 1000, audited()
    raw = owner.raw.select(list(range(few)))
    oracle = Oracle(victim("raw"), Full(), batch_size=4096)
    score = Score(membership.loss, Full(), 2, CropFlip(1), view_set=Hardest())
    indices = np.tile(np.arange(N), (few, 1))
    versions = owner.scheme.versions(owner.ledger.secret, raw.images, raw.ids, indices)
    published = np.array(owner.ledger.published[:few])
    seen = raw.images if looked_at == "raw" else versions[np.arange(few), published]
    views = score.views_of(oracle, seen, raw.labels, range(few)).repeat_interleave(N, 0)
    labels = raw.labels.repeat_interleave(N)
    scores = score(oracle, versions.flatten(0, 1), labels, views).view(few, N).numpy()
    exceedances = (scores > scores[np.arange(few), published][:, None]).sum(1)
    p_value = chisquare(np.bincount(exceedances, minlength=N)).pvalue
    assert (p_value > 1e-4) == (looked_at == "raw")
