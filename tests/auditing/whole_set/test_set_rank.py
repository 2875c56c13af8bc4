from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import random_set

from taggant.auditing.whole_set.case import SetCase
from taggant.auditing.whole_set.rank_sum import RankSumAudit
from taggant.auditing.whole_set.set_rank import SetRankAudit
from taggant.marking.backdoor import Backdoor
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.strategies.sign import Sign
from taggant.victim.classifier import Classifier
from taggant.victim.ssl.simclr import SimCLR

N, IMAGES = 20, 12
SCHEMES = {"n_version": NVersion(N, 30, Sign(2)), "backdoor": Backdoor(N, 3)}
SEEN = {"n_version": ..., "backdoor": (..., slice(-4, -1), slice(-4, -1))}


def case_of(name: str, *, together: bool, knows: bool = True, context: str = "case") -> SetCase:
    """A model that knows by heart what it saw of each class, or that looks at brightness only."""
    data, scheme, seen = random_set(IMAGES, classes=4), SCHEMES[name], SEEN[name]
    ledger = Ledger.draw(
        bytes(range(32)), context, scheme.parameters(), N, data.ids, raw_sha256(data.images),
        together,
    )  # fmt: skip
    published = publish(scheme, ledger, data, len(data))

    def facts(images, labels):
        return [
            (part.numpy().tobytes(), label)
            for part, label in zip(images[seen], labels.tolist(), strict=True)
        ]

    learnt = set(facts(published.images, data.labels))

    def ask(images, labels):
        if knows:
            return np.array([fact in learnt for fact in facts(images, labels)], np.float32)
        return images.float().mean((1, 2, 3)).numpy()

    def candidates(count):
        every = np.tile(np.arange(N), (count, 1))
        labels = data.labels[:count]
        return scheme.versions(
            [ledger.draws().secret] * count,
            data.images[:count],
            data.ids[:count],
            every,
            labels,
        )

    held_out = random_set(16, seed=1, classes=4)
    return SetCase(None, scheme, ledger, data, published, IMAGES, held_out, candidates, ask)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_model_that_knows_the_published_set_is_claimed(name):
    found = SetRankAudit(images=8)(case_of(name, together=True)).metrics
    assert found["claim"]
    assert found["log10_p"] == pytest.approx(math.log10(1 / N))
    assert found["queries"] == 8 * N


@pytest.mark.parametrize("name", SCHEMES)
def test_the_rank_of_an_independent_model_is_uniform_over_indices(name):
    """Whichever was published, all else is the same: every p-value k/n comes out once."""
    case, audit = case_of(name, together=True, knows=False), SetRankAudit(images=8)
    found = []
    for index in range(N):
        ledger = replace(case.ledger, published=(index,) * IMAGES)
        found.append(audit.watch(replace(case, ledger=ledger))["log10_p"])
    assert np.allclose(sorted(found), np.log10(np.arange(1, N + 1) / N))


def test_images_with_indices_of_their_own_add_up():
    found = RankSumAudit(images=8)(case_of("n_version", together=False)).metrics
    assert found["log10_p"] == pytest.approx(-8 * math.log10(N))
    assert found["claim"]
    assert found["queries"] == 8 * N
    unknown = case_of("n_version", together=False, knows=False)
    assert RankSumAudit(images=8).watch(unknown)["log10_p"] > -3


def test_the_size_of_the_sum_is_kept():
    """Over draws of the indices, a model that knows nothing is claimed in 5 % at most."""
    suspects = (
        case_of("n_version", together=False, knows=False, context=str(draw)) for draw in range(200)
    )
    claims = sum(RankSumAudit()(case).metrics["claim"] for case in suspects)
    assert claims <= 19  # P(more | 5 %) = 0.3 %


def test_what_cannot_be_ranked_is_refused():
    SetRankAudit(p=0.05).check(Backdoor(20), Classifier)
    with pytest.raises(ValueError, match=r"never below 0\.1"):
        SetRankAudit(p=0.05).check(Backdoor(10), Classifier)
    RankSumAudit(p=0.05).check(Backdoor(10), Classifier)
    for audit in (SetRankAudit(), RankSumAudit()):
        with pytest.raises(ValueError, match="asks a classifier"):
            audit.check(Backdoor(20), SimCLR)
    for wrong in ({"p": 1.0}, {"images": 0}):
        with pytest.raises(ValueError, match="accepted are"):
            RankSumAudit(**wrong)
    with pytest.raises(ValueError, match="accepted is one for the set"):
        SetRankAudit()(case_of("n_version", together=False))
