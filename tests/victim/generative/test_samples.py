from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set

from taggant.victim.generative.samples import copied, frechet

KNOWN = random_set(12).images


def test_the_distance_is_none_of_equal_sets_and_that_of_two_means():
    assert frechet(KNOWN, KNOWN) == pytest.approx(0, abs=1e-6)
    dark, light = KNOWN // 2, KNOWN // 2 + 51
    cells = 3 * 4 * 4
    assert frechet(dark, light) == pytest.approx(cells * 0.2**2, rel=1e-3)


def test_copies_are_those_much_nearer_than_neighbours():
    noise = random_set(12, seed=1).images
    noisy = (KNOWN.float() + 10 * torch.randn(KNOWN.shape)).clamp(0, 255).to(torch.uint8)
    assert copied(noise, KNOWN) == 0
    assert copied(noisy, KNOWN) == 1
    assert copied(noisy.flip(3), KNOWN) == 1
    assert copied(torch.cat([noisy[:4], noise]), KNOWN) == 4 / 16


def test_a_set_with_doubles_knows_no_copies():
    assert copied(KNOWN, torch.cat([KNOWN, KNOWN])) == 0
