from __future__ import annotations

import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import victim
from tests.victim.generative.tiny import tiny_diffusion

from taggant.answers import evaluating
from taggant.victim.finite_answers import FiniteAnswers, answers_finite


def test_a_broken_victim_answers_in_finite_numbers():
    model, data = victim(), random_set(3)
    assert answers_finite(model, data.images)
    with torch.no_grad():
        model.net.head.weight[0] = torch.nan
    assert not answers_finite(model, data.images)
    finite = FiniteAnswers(model)
    with evaluating(finite):
        assert torch.isfinite(finite(data.images)).all()
        assert (finite(data.images)[:, 0] == 0).all()
    assert finite.answers == "logits"
    assert torch.equal(finite.targets(data), data.labels)


def test_a_broken_denoiser_sees_finite_noise():
    model, noisy = tiny_diffusion(), torch.randn(2, 3, 16, 16)
    given = noisy, torch.zeros(2, dtype=torch.int64), 100
    finite = FiniteAnswers(model)
    with torch.no_grad():
        assert torch.equal(finite.predicted_noise(*given), model.predicted_noise(*given))
        next(model.average.module.parameters())[0] = torch.nan
        assert not torch.isfinite(model.predicted_noise(*given)).all()
        assert torch.isfinite(finite.predicted_noise(*given)).all()
    assert not answers_finite(model, random_set(3).images)
    assert not hasattr(FiniteAnswers(victim()), "predicted_noise")


def test_a_whole_victim_answers_as_before():
    model, data = victim().eval(), random_set(3)
    assert torch.equal(FiniteAnswers(model)(data.images), model(data.images))


def test_weights_that_are_not_finite_are_found_even_where_answers_hide_them():
    model = victim()
    model.net.features[1].running_var[0] = torch.inf
    assert not answers_finite(model, random_set(3).images)
