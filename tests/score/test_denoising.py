from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from tests.conftest import random_set
from tests.victim.generative.tiny import tiny_diffusion

from taggant.auditing.engine import read
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.n_version import NVersion
from taggant.marking.publish import publish, raw_sha256
from taggant.marking.strategies.sign import Sign
from taggant.score import Oracle, Score
from taggant.score.access import Latents, Pixels
from taggant.score.denoising import Denoising, Inversion, Proximal
from taggant.score.gradient import Slope
from taggant.score.image_to_image import ImageToImage

DATA = random_set(6)
NONE = torch.zeros(6, dtype=torch.int64)
STATISTICS = [Denoising([100, 300], 2, 0), Proximal([100, 300]), Inversion(40, 20)]


class Known(torch.nn.Module):
    """Predicts that all noise is the same number."""

    answers, against = "latents", None
    kept = torch.linspace(0.999, 0.001, 1000)

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def predicted_noise(self, noisy, condition, timestep):
        return torch.full_like(noisy, self.value)


def test_the_loss_is_that_of_known_noise():
    latents, generator = torch.randn(3, 2, 4, 4), torch.Generator().manual_seed(7)
    noises = [torch.randn(1, 2, 4, 4, generator=generator) for _ in range(4)]
    losses = [float((noise - 0.5).square().mean()) for noise in noises]
    equal, weighted = (
        Denoising([10, 20], 2, 7, weights).prepare(Known(0.5), DATA, Latents())
        for weights in (None, [3.0, 1.0])
    )
    assert equal(latents, NONE[:3]).tolist() == pytest.approx([-sum(losses) / 4] * 3)
    due = -(3 * sum(losses[:2]) + sum(losses[2:])) / 8
    assert weighted(latents, NONE[:3]).tolist() == pytest.approx([due] * 3)


@pytest.mark.parametrize("statistic", [Proximal([100]), Inversion(40, 20)])
def test_a_model_that_sees_the_same_noise_everywhere_is_certain(statistic):
    scores = statistic.prepare(Known(0.3), DATA, Latents())(torch.randn(2, 3, 4, 4), NONE[:2])
    assert scores.abs().max() < 1e-10


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: type(one).__name__)
def test_scores_are_those_of_each_image_alone_whatever_else_is_asked(statistic):
    victim = tiny_diffusion()
    score = Score(statistic, Latents(), answers="latents")
    score.check(victim)
    asked, oracle = score.prepared(victim, DATA), Oracle(victim, score.access, 4)
    views = asked.draw_views(range(6))
    together = asked(oracle, DATA.images, NONE, views)
    alone = asked(oracle, DATA.images[2:3], NONE[2:3], views[2:3])
    assert torch.equal(together[2:3], alone)
    assert len(together.unique()) == 6
    assert not together.requires_grad
    assert victim.training


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda one: type(one).__name__)
def test_another_kind_of_model_is_refused(statistic):
    with pytest.raises(ValueError, match=r"asks a diffusion model \(victim=diffusion\), not Iden"):
        statistic.prepare(torch.nn.Identity(), DATA, Latents())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Denoising([], 1, 0), r"timesteps = \[\]: accepted"),
        (lambda: Denoising([1000], 1, 0), r"timesteps = \[1000\]: accepted are some of 0 to 999"),
        (lambda: Denoising([1], 0, 0), "noises = 0"),
        (lambda: Denoising([1, 2], 1, 0, [1.0]), r"weights = \[1.0\]: one for each of 2"),
        (lambda: Proximal([-1]), r"timesteps = \[-1\]"),
        (lambda: Inversion(50, 20), "timestep = 50: accepted are multiples"),
        (lambda: Inversion(980, 20), "accepted are some of 0 to 999"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


BRIEF = [Denoising([100], 1, 0), Proximal([100]), Inversion(20, 20)]
ENDPOINT = ImageToImage(100, 100, 1, 0)
SLOPE = Slope(BRIEF[0], Latents(), "latents")
MANY, N = random_set(240, size=8), 4


@pytest.fixture(scope="module")
def instances() -> Instances:
    """240 images, none of them used."""
    scheme = NVersion(n=N, epsilon=10, strategy=Sign(block=4))
    parts = bytes(32), "n_version", scheme.parameters(), N, MANY.ids, raw_sha256(MANY.images)
    ledger = Ledger.draw(*parts)
    return Instances(MANY, scheme, ledger, publish(scheme, ledger, MANY, 0))


@pytest.mark.parametrize("statistic", [*BRIEF, SLOPE, ENDPOINT], ids=lambda one: type(one).__name__)
def test_ranks_are_uniform_where_nothing_was_learned(statistic, instances):
    victim = tiny_diffusion(image_size=8)
    of_pixels = statistic in (SLOPE, ENDPOINT)
    by = (Pixels(), "pixels") if of_pixels else (Latents(), "latents")
    score = Score(statistic, by[0], answers=by[1]).prepared(victim, MANY)
    oracle = Oracle(victim, score.access, 128)
    found = read(oracle, score, instances, targets=score.targets(victim, MANY))
    assert found.fault is None
    counts = np.bincount(found.exceedances(), minlength=N)
    assert chisquare(counts).pvalue > 0.001
