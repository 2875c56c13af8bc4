from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set

from taggant.data.probes import Probe

GREY = torch.full((4, 3, 10, 10), 128, dtype=torch.uint8)


def drawn(probe: Probe, count: int, seed: int = 0):
    return probe.draw(count, torch.Generator().manual_seed(seed))


def test_a_probe_is_the_same_on_every_version():
    probe, images = Probe(20.0), random_set(2).images
    draws = drawn(probe, 2)
    flat = torch.full_like(images, 128)
    both = probe.apply(torch.cat([flat, flat]), draws.repeat(2, 1)).int()
    assert torch.equal(both[:2], both[2:])
    assert not torch.equal(both[0], both[1])
    noise = both[:2] - 128
    seen = probe.apply(images, draws).int()
    assert torch.equal(seen, (images.int() + noise).clamp(0, 255))


def test_its_size_is_the_one_asked_for():
    noise = Probe(8.0).apply(GREY, drawn(Probe(8.0), 4)).float() - 128
    assert noise.std().item() == pytest.approx(8.0, rel=0.1)


def test_cells_share_their_noise():
    noise = Probe(20.0, cell=4).apply(GREY, drawn(Probe(20.0), 4))
    assert torch.equal(noise[:, :, :4, :4], noise[:, :, :1, :1].expand(-1, -1, 4, 4))
    assert not torch.equal(noise[:, :, :4, :4], noise[:, :, 4:8, :4])


def test_steps_are_sizes_of_one_noise():
    probe = Probe(30.0, steps=3)
    draws = drawn(probe, 5)
    assert draws[:, 1].tolist() == [1, 2, 3, 1, 2]
    assert draws[0, 0] == draws[2, 0] != draws[3, 0] == draws[4, 0]
    third, _, whole = probe.apply(GREY[:3], draws[:3]).float() - 128
    assert (third - whole / 3).abs().max() <= 1


@pytest.mark.parametrize("wrong", [{"size": 0.0}, {"cell": 0}, {"steps": 0}])
def test_a_value_that_is_not_accepted(wrong):
    ((key, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{key} = {value}"):
        Probe(**{"size": 2.0, **wrong})
