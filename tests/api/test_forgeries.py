"""What a claim does not say: forgeries by the owner, and by somebody who knows a published file."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import binom
from tests.api.cases import Rote, marked_noise

import taggant
from taggant import stats
from taggant.marking.device import MarkingDevice
from taggant.marking.publish import versions_of

N, P = 40, 0.1
MARKED = marked_noise(N, 24)
RAW = MARKED.instances.raw


def claims(images: torch.Tensor) -> int:
    """Images claimed of a model that has some by heart."""
    model = Rote(images, RAW.labels)
    return int(taggant.audit(model, MARKED, p=P, test="rank").claims.sum())


def test_whoever_knows_the_published_file_can_make_a_model_that_is_claimed():
    """A look-up table learns nothing, and answers by the published version all the same."""
    assert claims(MARKED.published.images) == 24


@pytest.mark.parametrize("known", ["the raw image", "some version"])
def test_without_it_he_cannot_whatever_else_he_knows(known):
    found = RAW.images
    if known == "some version":
        drawn = np.random.default_rng(5).integers(N, size=(24, 1))  # without the published index
        here = MarkingDevice.here()
        found = versions_of(MARKED.scheme, MARKED.ledger, RAW, drawn, here)[:, 0]
    assert claims(found) <= binom.ppf(0.999, 24, P)


def test_of_many_commitments_one_fits():
    """Announced together, they share the level among them."""
    one, shared = stats.rank(400, 0.05), stats.rank(400, Fraction(5, 100) / 20)
    assert 1 - (1 - one.size()) ** 20 == pytest.approx(0.64, abs=0.005)
    assert 1 - (1 - shared.size()) ** 20 <= 0.05


@pytest.mark.parametrize(("labels", "claimed"), [(1, 0.05), (2, 0.1), (20, 1.0)])
def test_a_label_that_is_chosen_by_the_published_version_multiplies_the_size(labels, claimed):
    """Of a model that is surest of other versions with each label; fixed beforehand, it is 5 %."""
    test = stats.rank(100, 0.05)
    ranks = [(np.arange(100) - 5 * label) % 100 for label in range(labels)]  # of each version
    best = np.min(ranks, axis=0)  # the label that suits the published one, whichever it is
    assert (best <= test.claim[-1]).mean() == claimed
    assert all((rank <= test.claim[-1]).mean() == 0.05 for rank in ranks)
