from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from taggant.marking.n_version import NVersion, Sign
from taggant.marking.strategies.smooth import Smooth

SECRET = bytes(range(32))


def make(block: int = 2, epsilon: int = 10, n: int = 50) -> NVersion:
    return NVersion(n, epsilon, Sign(block))


def test_a_version_is_a_pure_function_of_secret_image_id_and_index(noise):
    scheme = make()
    every = scheme.versions(
        [SECRET] * len(noise.ids), noise.images, noise.ids, np.tile(np.arange(50), (32, 1))
    )
    chosen = np.array([[7, 3, 7]])
    again = scheme.versions([SECRET], noise.images[5:6], noise.ids[5:6], chosen)
    assert torch.equal(again[0], every[5, [7, 3, 7]])


def test_versions_differ_by_index_id_and_secret(noise):
    scheme, index = make(), np.zeros((1, 1), int)
    base = scheme.versions([SECRET], noise.images[:1], ["a"], index)
    for other in (
        scheme.versions([SECRET], noise.images[:1], ["a"], index + 1),
        scheme.versions([SECRET], noise.images[:1], ["b"], index),
        scheme.versions([SECRET[::-1]], noise.images[:1], ["a"], index),
    ):
        assert not torch.equal(base, other)


@pytest.mark.parametrize("block", [1, 2, 3, 5, 16, 40])
def test_every_pixel_moves_by_epsilon_unless_clipped_and_blocks_move_together(block):
    grey = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    moved = make(block, 9).versions([SECRET], grey, ["x"], np.zeros((1, 1), int))[0, 0].int() - 128
    assert set(moved.flatten().tolist()) <= {-9, 9}
    for row in range(0, 16, block):
        for column in range(0, 16, block):
            tile = moved[:, row : row + block, column : column + block].flatten(1)
            assert bool((tile == tile[:, :1]).all())


GOLDEN = {False: "9b5274e2c2082514", True: "57a3da798a26c1a3"}


@pytest.mark.parametrize("mirror", [False, True])
def test_patterns_never_change(mirror):
    """Published versions must be made again by later releases."""
    grey = torch.full((1, 3, 15, 13), 128, dtype=torch.uint8)
    made = NVersion(50, 10, Sign(4, mirror)).versions([SECRET], grey, ["x"], np.array([[0, 49]]))
    assert hashlib.sha256(made.numpy().tobytes()).hexdigest()[:16] == GOLDEN[mirror]
    assert ("mirror" in Sign(4, mirror).parameters()) == mirror


@pytest.mark.parametrize("width", [15, 16, 1])
@pytest.mark.parametrize("block", [None, 1, 3, 4, 40])
@pytest.mark.parametrize("strategy", [lambda b: Sign(b, mirror=True), Smooth])
def test_mirrored_marks_are_their_mirror_images(strategy, block, width):
    grey = torch.full((1, 3, 12, width), 128, dtype=torch.uint8)
    made = NVersion(20, 10, strategy(block)).versions([SECRET], grey, ["x"], np.arange(20)[None])
    assert torch.equal(made, made.flip(-1))
    assert len(torch.unique(made[0].flatten(1), dim=0)) > 4
    assert int(made.max()) == 138
    assert int(made.min()) == 118


def test_the_left_half_of_a_mirrored_pattern_has_the_free_blocks():
    grey = torch.full((1, 1, 8, 8), 128, dtype=torch.uint8)
    made = NVersion(500, 1, Sign(4, mirror=True)).versions(
        [SECRET], grey, ["x"], np.arange(500)[None]
    )
    assert len(torch.unique(made[0].flatten(1), dim=0)) == 2**2


@pytest.mark.parametrize(("shape", "side"), [((32, 32), 8), ((64, 96), 16), ((33, 40), 9)])
def test_without_a_block_it_is_a_quarter_of_the_shorter_side(shape, side):
    grey = torch.full((1, 3, *shape), 128, dtype=torch.uint8)
    index = np.arange(5)[None]
    for mirror in (False, True):
        one, other = Sign(None, mirror), Sign(side, mirror)
        assert torch.equal(
            one([SECRET], grey, ["x"], index, 10), other([SECRET], grey, ["x"], index, 10)
        )


def test_patterns_are_fair_coins():
    grey = torch.full((1, 3, 32, 32), 128, dtype=torch.uint8)
    versions = make(1).versions([SECRET], grey, ["x"], np.arange(50)[None])
    up = (versions.int() > 128).float()
    deviations = 50 * 3 * 32 * 32
    assert abs(float(up.mean()) - 0.5) < 4 * 0.5 / deviations**0.5


@pytest.mark.parametrize("epsilon", [1, 10, 200, 255])
def test_a_pixel_is_clipped_where_it_would_leave_the_range(epsilon):
    levels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    versions = make(1, epsilon).versions([SECRET], levels, ["x"], np.arange(9)[None])[0].int()
    up, down = ((levels.int() + step).clamp(0, 255) for step in (epsilon, -epsilon))
    assert bool(((versions == up) | (versions == down)).all())
    assert bool((versions == up).any() and (versions == down).any())


@pytest.mark.parametrize("epsilon", [0, 256, -1, 2.5])
def test_epsilon_out_of_range_is_named(epsilon):
    with pytest.raises(ValueError, match=rf"epsilon = {epsilon}: accepted .* 1 to 255"):
        make(epsilon=epsilon)


def test_other_bad_parameters_are_named():
    with pytest.raises(ValueError, match=r"marking\.n = 1"):
        make(n=1)
    with pytest.raises(ValueError, match=r"block = 0"):
        make(block=0)
    with pytest.raises(TypeError, match="marking/strategy=NAME"):
        NVersion(10, 10, "sign")
