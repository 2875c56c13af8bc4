from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from tests.unlearning.test_methods import victim
from tests.victim.generative.tiny import tiny_diffusion, tiny_latent

from taggant.score import Oracle, Score
from taggant.score.access import Pixels
from taggant.score.image_to_image import ImageToImage

DATA = random_set(6)
NONE = torch.zeros(6, dtype=torch.int64)
ENDPOINT = ImageToImage(timestep=40, stride=20, noises=2, seed=0)


class Copier(torch.nn.Module):
    """Sees its one image behind all noise."""

    kept = torch.linspace(0.999, 0.001, 1000)

    def forward(self, images):
        return images / 127.5 - 1

    def decode(self, latents):
        return ((latents.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

    def predicted_noise(self, noisy, condition, timestep):
        kept = self.kept[timestep]
        known = self(DATA.images[0])
        return (noisy - kept.sqrt() * known) / (1 - kept).sqrt()


def test_the_score_is_the_distance_to_the_image_that_comes_back():
    pixels = DATA.images.float()
    scores = ENDPOINT.prepare(Copier(), DATA, Pixels())(pixels, NONE)
    due = -((pixels - pixels[0]) / 255).square().flatten(1).mean(1)
    assert torch.allclose(scores, due, atol=1e-4)
    assert scores.argmax() == 0


@pytest.mark.parametrize("model", [tiny_diffusion(), tiny_latent()], ids=["pixels", "latents"])
def test_scores_are_those_of_each_image_alone_whatever_else_is_asked(model):
    score = Score(ENDPOINT, Pixels(), answers="pixels").prepared(model, DATA)
    oracle, views = Oracle(model, score.access, 4), score.draw_views(range(6))
    together = score(oracle, DATA.images, NONE, views)
    assert torch.equal(together[2:3], score(oracle, DATA.images[2:3], NONE[2:3], views[2:3]))
    assert len(together.unique()) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timestep": 50}, "timestep = 50: accepted are multiples of score.statistic.stride = 20"),
        ({"timestep": 0}, "timestep = 0: accepted are multiples"),
        ({"timestep": 1000}, r"timesteps = \[1000\]: accepted are some of 0 to 999"),
        ({"noises": 0}, "noises = 0"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ImageToImage(**{"timestep": 40, "stride": 20, "noises": 1, "seed": 0, **changes})


def test_another_kind_of_victim_is_refused_before_it_is_asked():
    score = Score(ENDPOINT, Pixels(), answers="pixels")
    score.check(tiny_diffusion())
    with pytest.raises(ValueError, match="answers with logits, and this score reads latents"):
        score.check(victim())
