from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.conftest import random_set
from tests.marking.nets import marker, smooth_marker

from taggant.marking.radioactive import Radioactive
from taggant.marking.windows import Centre

SECRET = bytes(range(32))


def mark(scheme, data, index=0):
    indices = np.full((len(data), 1), index)
    return scheme.versions([SECRET] * len(data.ids), data.images, data.ids, indices, data.labels)[
        :, 0
    ]


def fixed_input():
    generator = torch.Generator().manual_seed(0)
    draw = [torch.randn(3, 7, generator=generator, dtype=torch.float64) for _ in range(3)]
    change = torch.randn(3, 3, 4, 4, generator=generator, dtype=torch.float64)
    carriers = draw[2] / draw[2].norm(dim=1, keepdim=True)
    return draw[0].requires_grad_(), draw[1], carriers, change.requires_grad_()


def test_loss_and_gradient_are_the_formula():
    features, original, u, change = fixed_input()
    scheme = Radioactive(marker(), lambda_ft=0.01, lambda_img=5e-4)
    loss = scheme.loss(features, original, u, change)
    ours = torch.autograd.grad(loss.sum(), (features, change))
    for i in range(3):
        shift = (features[i] - original[i]).detach().numpy()
        length = math.sqrt(sum(v * v for v in shift))
        along = sum(a * b for a, b in zip(shift, u[i].numpy(), strict=True))
        pixels = change[i].detach().numpy()
        expected = -along + 0.01 * length + 5e-4 * (pixels**2).sum()
        assert float(loss[i].detach()) == pytest.approx(expected, abs=1e-6)
        assert np.allclose(ours[0][i], -u[i].numpy() + 0.01 * shift / length, atol=1e-6)
        assert np.allclose(ours[1][i], 2 * 5e-4 * pixels, atol=1e-6)


def test_cone_loss_and_gradient_are_the_formula():
    features, original, u, change = fixed_input()
    scheme = Radioactive(marker(), angle=1.2, lambda_img=0.0)
    loss = scheme.loss(features, original, u, change)
    gradient = torch.autograd.grad(loss.sum(), features)[0]
    rho = 1 + math.tan(1.2) ** 2
    for i in range(3):
        shift, carrier = (features[i] - original[i]).detach(), u[i]
        along = float(shift @ carrier)
        assert float(loss[i].detach()) == pytest.approx(
            -rho * along * abs(along) + float(shift @ shift), abs=1e-6
        )
        assert torch.allclose(gradient[i], -2 * rho * abs(along) * carrier + 2 * shift, atol=1e-6)


def test_gradient_of_the_whole_loss_is_what_finite_differences_give():
    scheme = Radioactive(smooth_marker())
    raw = random_set(1, size=8).images.float()
    with torch.no_grad():
        original = scheme.marker(raw)
    carriers = scheme.carriers(SECRET, 0, [1], original.shape[1])
    unit = scheme.marker.unit(raw.device)
    pixels = raw + torch.randn(raw.shape, generator=torch.Generator().manual_seed(1))

    def loss(x):
        return scheme.loss(scheme.marker(x), original, carriers, (x - raw) / unit)

    gradient = scheme.marker.gradient(loss, pixels)
    direction = gradient / gradient.norm()
    step = 2.0
    slope = (loss(pixels + step * direction) - loss(pixels - step * direction)) / (2 * step)
    assert float(slope) == pytest.approx(float(gradient.norm()), rel=0.02)


def test_marked_images_move_along_their_class_carrier():
    data = random_set(8)
    found = smooth_marker()
    scheme = Radioactive(found, steps=30, lr=20.0, window=Centre(1.0), centre=1.0)
    shift = found(mark(scheme, data).float()) - found(data.images.float())
    carriers = scheme.carriers(SECRET, 0, data.labels.tolist(), shift.shape[1])
    others = scheme.carriers(SECRET, 1, data.labels.tolist(), shift.shape[1])
    assert bool(((shift * carriers).sum(1) > 0).all())
    assert float((shift * carriers).sum(1).mean()) > 3 * float((shift * others).sum(1).abs().mean())


def test_images_of_a_class_share_a_carrier_and_sets_do_not():
    scheme = Radioactive(marker())
    carriers = scheme.carriers(SECRET, 0, [2, 2, 3], 32)
    assert torch.equal(carriers[0], carriers[1])
    assert not torch.equal(carriers[0], carriers[2])
    assert not torch.equal(carriers[:1], scheme.carriers(SECRET, 1, [2], 32))


def test_class_matters_and_is_needed():
    data = random_set(1)
    scheme = Radioactive(marker(), steps=10, lr=20.0)
    index = np.zeros((1, 1), int)
    made = [
        scheme.versions([SECRET] * len(data.ids), data.images, data.ids, index, torch.tensor([c]))
        for c in (0, 1)
    ]
    assert not torch.equal(*made)
    with pytest.raises(ValueError, match="labels are needed"):
        scheme.versions([SECRET] * len(data.ids), data.images, data.ids, index)
