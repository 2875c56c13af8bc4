"""Diffusion models unlearn by the methods that need a loss alone, and by one of their own."""

from __future__ import annotations

import functools

import pytest
import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import OF_DENOISERS, method, same
from tests.unlearning.test_methods import victim as classifier
from tests.victim.generative.tiny import tiny_diffusion, tiny_latent

from taggant.unlearning.esd import ESD, denoising
from taggant.unlearning.request import Request

DATA = random_set(20)
FIT = ("finetune", "gradient_ascent", "neggrad_plus", *OF_DENOISERS)


def request_of(model) -> Request:
    fresh = functools.partial(tiny_diffusion, 7)
    forget, retain = DATA.select(range(8)), DATA.select(range(8, 20))
    return Request(model, forget, retain, 3, torch.device("cpu"), None, fresh)


@pytest.mark.parametrize("name", FIT)
def test_methods_move_what_is_asked_and_repeat(name):
    made = []
    for _ in range(2):
        request = request_of(tiny_diffusion())
        chosen = method(name, strength=2.0)
        chosen.check(type(request.victim))
        torch.manual_seed(0)
        made.append(chosen(request))
    assert same(*made)
    assert request.steps > 0
    moved = zip(made[0].average.parameters(), tiny_diffusion().average.parameters(), strict=True)
    assert any(not torch.equal(new, old) for new, old in moved)


def test_the_noise_seen_goes_to_the_start_and_with_guidance_further():
    start, before = tiny_diffusion(7), tiny_diffusion()
    gone = []
    for guidance in (0.0, 1.0):
        torch.manual_seed(0)
        model = ESD(rate=1.0, epochs=60, guidance=guidance)(request_of(tiny_diffusion()))
        latents, timesteps = model(DATA.images[:8]), torch.full((8,), 300)
        torch.manual_seed(1)
        noisy = model.schedule.add_noise(latents, torch.randn_like(latents), timesteps)
        given = noisy, timesteps, torch.zeros(8, dtype=torch.int64)
        with torch.no_grad():
            first, known, now = (one.noise(*given) for one in (start, before, model))
        way = first - known
        gone.append(float(((now - known) * way).mean() / way.square().mean()))
    assert 0.4 < gone[0] < 1
    assert gone[1] > 1.2 * gone[0]


def test_other_victims_are_refused():
    with pytest.raises(ValueError, match="ESD needs noise of a victim, which Classifier does not"):
        ESD().check(type(classifier()))
    with pytest.raises(TypeError, match="Classifier predicts no noise"):
        denoising(classifier())
    ESD().check(type(tiny_latent()))
