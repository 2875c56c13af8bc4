"""Marks made on shrunk pictures: those of the published size, shrunk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.owner import photos

from taggant.marking.n_version import NVersion
from taggant.marking.strategies.scaled_sign import ScaledSign
from taggant.marking.strategies.sign import Sign
from taggant.marking.strategies.smooth import Smooth
from taggant.owner.pictures import to_tensor
from taggant.owner.shrunk_marks import can_shrink, for_shrunk
from taggant.owner.transform import shrunk

SECRET, IDS = [bytes(32)], ["picture"]
SIGNS = (ScaledSign(8, True), ScaledSign(7), Sign(9), Sign(None, True))


@pytest.fixture(scope="module")
def raw():
    return to_tensor(photos.scene(1, 305, 203))[None]


def versions(scheme, images, *indices):
    return scheme.versions(SECRET, images, IDS, np.array([indices]))[0]


def correlation(one, other):
    return float(np.corrcoef(one.flatten(), other.flatten())[0, 1])


@pytest.mark.parametrize("number", range(len(SIGNS)))
def test_in_the_published_size_they_are_the_published_bits(raw, number):
    scheme = NVersion(9, 10, SIGNS[number])
    small = for_shrunk(scheme, *raw.shape[-2:])
    assert torch.equal(versions(small, raw, 0, 5), versions(scheme, raw, 0, 5))


@pytest.mark.parametrize("number", range(len(SIGNS)))
def test_they_are_what_shrinking_leaves_of_the_published_mark(raw, number):
    scheme, less = NVersion(9, 10, SIGNS[number]), shrunk(raw[0], 90)
    made = versions(for_shrunk(scheme, *raw.shape[-2:]), less[None], 0, 5).int() - less
    left = torch.stack([shrunk(one, 90) for one in versions(scheme, raw, 0, 5)]).int() - less
    assert correlation(made, left) > 0.98
    assert (made - left).abs().max() <= 3
    assert abs(correlation(made[0], left[1])) < 0.5


def test_a_version_depends_on_nothing_that_is_asked_beside_it(raw):
    small = for_shrunk(NVersion(9, 10, SIGNS[0]), *raw.shape[-2:])
    less = shrunk(raw[0], 90)[None]
    together = versions(small, less, *range(9))
    for index in range(9):
        assert torch.equal(versions(small, less, index)[0], together[index])


def test_marks_of_other_strategies_are_refused():
    scheme = NVersion(9, 10, Smooth())
    assert not can_shrink(scheme)
    with pytest.raises(TypeError, match="published size only"):
        for_shrunk(scheme, 20, 30)
