from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker, smooth_marker

from taggant.marking.strategies.feature import Feature
from taggant.marking.strategies.jacobian import COORDINATE, LARGEST_SKETCH, LEVELS, Jacobian
from taggant.marking.strategies.maxmin import nearest_before
from taggant.marking.stream import derive, gaussians

SECRET = bytes(range(32))
DATA = random_set(3)


def test_one_feature_step_is_the_sign_of_the_gradient_along_the_carrier():
    strategy = Feature(marker(), steps=1, chunk=4)
    grey = torch.randint(20, 236, (1, 3, 16, 16), dtype=torch.uint8)
    carriers = strategy.carriers(SECRET, grey[0], "x", np.arange(4))
    assert torch.allclose(carriers.norm(dim=1), torch.ones(4), atol=1e-6)
    versions = strategy([SECRET], grey, ["x"], np.arange(4)[None], 10)[0]
    for version, carrier in zip(versions, carriers, strict=True):
        pixels = grey.float().requires_grad_()
        (strategy.marker(pixels)[0] @ carrier).backward()
        assert torch.equal(version.int() - grey[0].int(), (10 * pixels.grad[0].sign()).int())


def test_more_feature_steps_move_further_along_the_carrier():
    grey = torch.randint(20, 236, (1, 3, 16, 16), dtype=torch.uint8)
    reached = []
    for steps in (1, 10):
        strategy = Feature(smooth_marker(), steps=steps, chunk=4)
        carriers = strategy.carriers(SECRET, grey[0], "x", np.arange(4))
        made = strategy([SECRET], grey, ["x"], np.arange(4)[None], 10)[0].float()
        shift = strategy.marker(made) - strategy.marker(grey.float())
        reached.append(float((shift * carriers).sum(1).mean()))
    assert reached[1] > reached[0] > 0


def test_sketch_is_the_jacobian_in_whole_numbers():
    strategy = Jacobian(smooth_marker(), k=6, block=1)
    sketch = strategy.sketch(SECRET, DATA.images[0], "x")
    assert torch.equal(sketch, sketch.round())
    assert float(sketch.abs().max()) == LEVELS
    jacobian = torch.func.jacrev(lambda x: strategy.marker(x[None])[0])(DATA.images[0].float())
    directions = torch.from_numpy(
        gaussians(derive(SECRET, "sketch/x"), np.arange(6), jacobian.shape[0])
    )
    expected = torch.einsum("kd,dchw->kchw", directions, jacobian)
    expected = expected / expected.abs().amax(0).clamp(min=1e-30) * LEVELS
    assert float((sketch - expected).abs().max()) <= 0.51


def test_products_of_sketch_and_carriers_are_exact_in_float32():
    assert LARGEST_SKETCH * LEVELS * COORDINATE < 2**24
    strategy = Jacobian(marker(), k=128, block=1)
    sketch = strategy.sketch(SECRET, DATA.images[0], "x").flatten(1)
    carriers = strategy.carriers([SECRET], ["x"], np.arange(64)[None])[0]
    assert float(carriers.abs().max()) <= COORDINATE
    exact = carriers.to(torch.int64) @ sketch.to(torch.int64)
    assert torch.equal((carriers @ sketch).to(torch.int64), exact)


def test_jacobian_marks_follow_the_gradient_of_their_direction():
    strategy = Jacobian(smooth_marker(), k=32, block=1)
    grey = torch.randint(20, 236, (1, 3, 16, 16), dtype=torch.uint8)
    sketch = strategy.sketch(SECRET, grey[0], "x")
    carriers = strategy.carriers([SECRET], ["x"], np.arange(4)[None])[0]
    made = strategy([SECRET], grey, ["x"], np.arange(4)[None], 10)[0]
    expected = 10 * torch.einsum("mk,kchw->mchw", carriers, sketch).sign()
    assert torch.equal(made.int() - grey[0].int(), expected.int())


@pytest.mark.parametrize("block", [2, 3, 5])
def test_jacobian_blocks_move_together(block):
    grey = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    grey += torch.randint(20, (1, 3, 16, 16), dtype=torch.uint8)
    made = Jacobian(marker(), k=8, block=block)([SECRET], grey, ["x"], np.zeros((1, 1), int), 9)
    moved = made[0, 0].int() - grey[0].int()
    for row in range(0, 16, block):
        for column in range(0, 16, block):
            tile = moved[:, row : row + block, column : column + block].flatten(1)
            assert bool((tile == tile[:, :1]).all())


def test_nearest_before_is_the_nearest_of_the_raw_image_and_earlier_versions():
    torch.manual_seed(0)
    features, home = torch.randn(6, 4, requires_grad=True), torch.randn(1, 4)
    found = nearest_before(features, home)
    for i in range(6):
        others = torch.cat([home, features[:i]])
        assert float(found[i].detach()) == pytest.approx(
            float((features[i] - others).detach().square().sum(1).min()), rel=1e-5
        )
    gradient = torch.autograd.grad(found[3], features)[0]
    assert bool((gradient[[0, 1, 2, 4, 5]] == 0).all())
