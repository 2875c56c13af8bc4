"""Marks that look natural: what they do to a picture, against arithmetic in floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.conftest import random_set

from taggant.marking.strategies.edit import DRAWS, LUMA, Edit
from taggant.marking.strategies.sign import Sign, drawn_cells
from taggant.marking.strategies.smooth import Smooth
from taggant.marking.strategies.smooth_edit import SmoothEdit
from taggant.marking.stream import derive, uniforms

SECRET = bytes(range(32))
RAMP = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)
GREY = torch.full((1, 3, 32, 32), 128, dtype=torch.uint8)


def drawn(**values: float) -> np.ndarray:
    names = ("red", "blue", "exposure", "gamma", "contrast", "saturation", "x", "y", "vignette")
    values = {"vignette": -1.0, **values}
    return np.array([[[values.get(name, 0.0) for name in names]]])


def test_light_is_the_bilinear_interpolation_of_the_signs():
    light = Smooth(8).light([SECRET], GREY, ["x"], np.arange(6)[None], 100)[0]
    coins = drawn_cells(GREY.device, [SECRET], ["x"], np.arange(6)[None], (3, 4, 2))[0]
    cells = torch.cat([coins, coins.flip(-1)], -1).float() * 200 - 100
    expected = torch.nn.functional.interpolate(cells, size=(32, 32), mode="bilinear")
    assert float((light - expected).abs().max()) <= 0.5 + 200 / 256
    blocks = Sign(8, mirror=True)([SECRET], GREY, ["x"], np.arange(6)[None], 10)[0].int() - 128
    strong = light.abs() > 60
    assert torch.equal(light.sign()[strong], blocks.sign()[strong])


@pytest.mark.parametrize("epsilon", [1, 14, 255])
def test_light_reaches_epsilon_and_not_beyond(epsilon):
    images = torch.full((1, 3, 33, 47), 128, dtype=torch.uint8)
    light = Smooth().light([SECRET], images, ["x"], np.arange(40)[None], epsilon)
    assert int(light.max()) == epsilon
    assert int(light.min()) == -epsilon


def test_no_edit_changes_nothing_but_by_rounding():
    made = Edit(1.0).edited(RAMP, drawn())[:, 0]
    assert int((made.int() - RAMP.int()).abs().max()) <= 1


@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("exposure", [-1.0, 1.0])
def test_exposure_multiplies(exposure, strength):
    dark = RAMP // 2
    made = Edit(strength, 255).edited(dark, drawn(exposure=exposure))[0, 0].float()
    expected = dark[0] * np.exp(0.2 * strength * exposure)
    assert float((made - expected.clamp(max=255)).abs().max()) <= 1


def test_gamma_and_contrast_bend_the_curve_about_its_ends_and_its_middle():
    level = RAMP[0].double() / 255
    for name, expected in (
        ("gamma", level**1.2),
        ("contrast", (0.5 + 1.2 * (level - 0.5)).clamp(0, 1)),
    ):
        made = Edit(1.0, 255).edited(RAMP, drawn(**{name: 1.0}))[0, 0]
        assert float((made - 255 * expected).abs().max()) <= 1.1, name


@pytest.mark.parametrize("draw", [{"red": 1, "blue": -1}, {"red": -0.3}, {"saturation": 1}])
def test_colours_change_and_luma_stays(draw):
    middle = random_set(4, size=16).images // 4 + 96
    made = Edit(1.0, 255).edited(middle, np.tile(drawn(**draw), (4, 1, 1)))[:, 0]
    luma = torch.tensor(LUMA).view(1, 3, 1, 1)
    kept = ((made.double() - middle.double()) * luma).sum(1)
    assert float(kept.abs().max()) <= 1.2
    assert float((made.int() - middle.int()).abs().float().mean()) > 1


def test_red_gain_makes_grey_redder_and_saturation_leaves_it():
    grey = GREY[..., :4, :4]
    red = Edit(1.0, 255).edited(grey, drawn(red=1))[0, 0, :, 0, 0].double()
    gain = np.exp(0.18)
    assert float(red[0] / red[1]) == pytest.approx(
        (gain + LUMA[0] * (1 - gain)) / (1 + LUMA[0] * (1 - gain)), abs=0.02
    )
    same = Edit(1.0, 255).edited(grey, drawn(saturation=1))[:, 0]
    assert int((same.int() - grey.int()).abs().max()) <= 1


def test_light_falls_from_one_side_and_off_to_the_corners():
    across = Edit(1.0, 255).edited(GREY, drawn(x=1))[0, 0, 0].double()
    expected = 128 * (1 + 0.2 * (2 * torch.arange(32) + 1 - 32) / 32)
    assert float((across - expected).abs().max()) <= 1
    down = Edit(1.0, 255).edited(GREY, drawn(y=1))[0, 0, 0].double()
    assert torch.equal(down, across.T)
    corner = Edit(1.0, 255).edited(GREY, drawn(vignette=1))[0, 0, 0].double()
    assert float(corner[0, 0]) == pytest.approx(128 * (1 - 0.3 * (31 / 32) ** 2), abs=1)
    assert float(corner[16, 16]) == pytest.approx(128, abs=1)


def test_half_the_strength_is_half_the_range():
    """The recipe: gains e^.09, exposure e^.10, tone .10, saturation .175, ramp .10, corners .15."""
    whole, half = Edit(1.0, 255), Edit(0.5, 255)
    draws = np.random.default_rng(0).uniform(-1, 1, (1, 1, DRAWS))
    draws[..., -1] = -1  # the vignette starts at nothing: its middle moves with the strength
    halved = draws / 2
    halved[..., -1] = -1
    assert torch.equal(half.edited(RAMP, draws), whole.edited(RAMP, halved))


def test_images_without_three_channels_keep_their_colours():
    for channels in (1, 4):
        images = random_set(1, size=16).images[:, :1].expand(1, channels, 16, 16)
        made = Edit(1.0)([SECRET], images, ["x"], np.arange(3)[None], 10)
        assert made.shape == (1, 3, channels, 16, 16)
        assert torch.equal(made, made[:, :, :1].expand_as(made))


def test_epsilon_bounds_the_light_and_limit_the_edits():
    data = random_set(3)
    indices = np.tile(np.arange(8), (3, 1))

    def moved(strategy, epsilon):
        made = strategy([SECRET] * len(data.ids), data.images, data.ids, indices, epsilon)
        return made.int() - data.images[:, None].int()

    assert torch.equal(moved(Edit(limit=9), 1), moved(Edit(limit=9), 200))
    assert int(moved(Edit(1.0, limit=9), 10).abs().max()) == 9
    assert int(moved(SmoothEdit(strength=1.0, limit=9), 7).abs().max()) <= 16
    assert SmoothEdit(limit=9).radius(7) == 16


def test_both_is_the_light_on_the_edited_image():
    data = random_set(2, size=32)
    indices = np.array([[3, 1], [0, 5]])
    both = SmoothEdit(8, 0.5, 64)([SECRET] * len(data.ids), data.images, data.ids, indices, 12)
    light = Smooth(8).light([SECRET] * len(data.ids), data.images, data.ids, indices, 12)
    edited = Edit(0.5, 64)([SECRET] * len(data.ids), data.images, data.ids, indices, 12)
    assert torch.equal(both, (edited + light).clamp(0, 255).to(torch.uint8))


def test_draws_of_an_edit_are_independent_of_the_signs():
    """Equal streams would make the sum of both say one thing twice."""
    indices = np.arange(2000)[None]
    drawn = drawn_cells(GREY.device, [SECRET], ["x"], indices, (1, 1, 9))
    coins = drawn[0, :, 0, 0].double() - 0.5
    draws = torch.from_numpy(uniforms(derive(SECRET, "edits/x"), indices[0], DRAWS)) - 0.5
    correlation = (coins.T @ draws) / 2000 / (0.5 / 12**0.5)
    assert float(correlation.abs().max()) < 4.5 / 2000**0.5
