from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker
from tests.victim.test_linear_probe import TRAINING

from taggant.auditing.whole_set.case import SetCase
from taggant.auditing.whole_set.radioactive import RadioactiveAudit, loss_gap
from taggant.marking.ledger import Ledger
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.radioactive import Radioactive
from taggant.marking.twins import Twins
from taggant.marking.windows import Centre
from taggant.score import Oracle, Score
from taggant.score.access import Full
from taggant.score.membership import loss
from taggant.victim.linear_probe import LinearProbe

CLASSES, SETS = 6, 8


def case(used: int, together: bool = True) -> SetCase:
    """A probe trained on a set of which the first `used` images carry the owner's marks."""
    data = random_set(120, seed=21, classes=CLASSES)
    scheme = Radioactive(
        marker(), n=SETS, epsilon=40, steps=6, lr=60.0, window=Centre(1.0), centre=1.0
    )
    ledger = Ledger.draw(
        bytes(range(32)), "case", scheme.parameters(), SETS, data.ids, raw_sha256(data.images),
        together,
    )  # fmt: skip
    published = publish(scheme, ledger, data, len(data))
    train = data.replace(range(used), published.images[:used])
    victim = LinearProbe(scheme.marker, CLASSES, 3, 16, **TRAINING)
    optimizer = victim.optimizer()
    for batch in (batch for _ in range(40) for batch in victim.batches(train, 0, "cpu")):
        optimizer.zero_grad()
        victim.example_loss(batch).mean().backward()
        optimizer.step()
    score, oracle = Score(loss, Full()), Oracle(victim, Full(), 64)

    def ask(images, labels):
        return score(oracle, images, labels, score.draw_views([0] * len(images))).numpy()

    def candidates(count):
        every = np.tile(np.arange(SETS), (count, 1))
        labels = data.labels[:count]
        return scheme.versions(
            [ledger.draws().secret] * count,
            data.images[:count],
            data.ids[:count],
            every,
            labels,
        )

    held_out = random_set(80, seed=22, classes=CLASSES)
    return SetCase(victim, scheme, ledger, data, published, used, held_out, candidates, ask)


@pytest.fixture(scope="module")
def cases():
    torch.manual_seed(0)
    return {used: case(used) for used in (0, 120)}


def test_a_marked_set_is_found_in_white_and_black_box(cases):
    found = RadioactiveAudit(images=40, controls=200)(cases[120])
    metrics = found.metrics
    assert metrics["log10_p"] < -4
    assert metrics["claim"]
    assert metrics["black_box_p"] == 1 / SETS
    assert metrics["black_box_queries"] == 40 * SETS
    assert metrics["loss_gap"] < 0
    assert found.tables["classes"].height == CLASSES
    log_p = found.tables["classes"]["log10_p"].to_numpy()
    assert log_p.min() > metrics["log10_p"]


def test_the_control_shares_the_carriers_and_is_not_found(cases):
    audit = RadioactiveAudit(images=0, controls=0)
    assert torch.equal(cases[0].published.images, cases[120].published.images)
    assert audit.watch(cases[0])["log10_p"] > -3
    assert audit(cases[0]).metrics.keys() >= {"log10_p", "sigmas", "alignment_unexplained"}
    assert "black_box_p" not in audit(cases[0]).metrics


@pytest.mark.parametrize("used", [0, 120])
def test_carriers_that_marked_nothing_have_uniform_p_values(cases, used):
    found = RadioactiveAudit(images=0, controls=300)(cases[used])
    assert found.metrics["control_uniform"] > 0.01
    low, high = found.metrics["control_rate_ci"]
    assert low <= 0.05 <= high
    assert isinstance(found.tables["controls"], pl.DataFrame)


def test_the_probe_needs_no_alignment(cases):
    found = RadioactiveAudit(images=0, controls=0)(cases[120]).metrics
    assert found["alignment_unexplained"] < 1e-9
    d = found["marker_features"]
    assert found["sigmas"] == pytest.approx(found["mean_cosine"] * math.sqrt(CLASSES * d))


def test_what_it_cannot_read_is_refused():
    audit = RadioactiveAudit()
    with pytest.raises(ValueError, match="accepted is marking=radioactive"):
        audit.check(Twins(marker()), LinearProbe)
    audit.check(Radioactive(marker()), LinearProbe)
    for wrong in ({"p": 0.0}, {"images": -1}, {"controls": -1}):
        with pytest.raises(ValueError, match="accepted are"):
            RadioactiveAudit(**wrong)


def test_a_set_of_many_indices_is_refused():
    with pytest.raises(ValueError, match="accepted is one for the set"):
        RadioactiveAudit(images=0, controls=0).watch(case(0, together=False))


def test_loss_gap():
    gap, (low, high) = loss_gap([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert gap == 0
    assert high == -low == pytest.approx(1.959964 / np.sqrt(3))
