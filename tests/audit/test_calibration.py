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
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion, Sign
from taggant.marking.publish import publish, raw_sha256
from taggant.score import Oracle, Score, membership
from taggant.score.access import Full, Label, Rounded, TopK

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
