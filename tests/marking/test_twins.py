from __future__ import annotations

import numpy as np
import torch
from tests.conftest import random_set
from tests.marking.nets import marker

from taggant.marking.twins import Twins

SECRET = bytes(range(32))


def twins(scheme, data):
    return scheme.versions(
        [SECRET] * len(data.ids), data.images, data.ids, np.tile([0, 1], (len(data), 1))
    )


def test_twins_mirror_each_other_up_to_clipping():
    data = random_set(6)
    pair = twins(Twins(marker(), steps=20), data).int()
    raw = data.images.int()
    up, down = pair[:, 0] - raw, pair[:, 1] - raw
    free = (raw + up.abs() <= 255) & (raw - up.abs() >= 0)
    assert torch.equal(up[free], -down[free])
    # Where x - d leaves 0..255 it stops at the edge.
    assert torch.equal(pair[:, 1], (raw - up).clamp(0, 255))


def test_twins_move_apart():
    data = random_set(6)
    found = marker()

    def distance(steps):
        pair = twins(Twins(found, steps=steps), data).float()
        return (found(pair[:, 0]) - found(pair[:, 1])).norm(dim=1).mean()

    assert distance(60) > 1.5 * distance(1)


def test_a_step_is_the_references_in_normalised_units():
    data, found = random_set(2), marker()
    scheme = Twins(found, steps=1, round_every=100)
    start = scheme._start([SECRET] * len(data.ids), data.images, data.ids)
    unit = 255 * torch.tensor([0.25, 0.2, 0.25]).view(1, 3, 1, 1)
    # the reference's variable: d / (255 std), started as N(0, 1) epsilon / 255 / mean(std)
    delta = (start / unit).requires_grad_()
    raw = data.images.float()
    plus, minus = found(raw + delta * unit), found(raw - delta * unit)
    loss = -sum(torch.linalg.vector_norm(a - b) for a, b in zip(plus, minus, strict=True))
    loss.backward()
    moved = ((delta - delta.grad) * unit).detach().clamp(-10, 10)
    expected = (raw + moved).round().clamp(0, 255)
    difference = (twins(scheme, data)[:, 0].float() - expected).abs()
    assert float((difference > 0).float().mean()) < 0.01
    assert float(difference.max()) <= 1


def test_lanes_are_given_up_where_the_arithmetic_mixes_them(monkeypatch):
    found = marker()
    data = random_set(4)
    together = twins(Twins(found, steps=5, lanes=4), data)
    seen = []
    monkeypatch.setattr(type(found), "lanes_agree", lambda *a: False)
    scheme = Twins(found, steps=5, lanes=4)
    optimise = Twins._optimise
    monkeypatch.setattr(
        Twins, "_optimise", lambda s, k, x, i: seen.append(len(x)) or optimise(s, k, x, i)
    )
    alone = twins(scheme, data)
    assert seen == [1] * 4
    assert (together.int() - alone.int()).abs().float().mean() < 0.1
