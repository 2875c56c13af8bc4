from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import binomtest, kstest
from tests.conftest import random_set
from tests.marking.nets import marker
from torch import nn

from taggant.auditing.whole_set.alignment import align, aligned_rows
from taggant.auditing.whole_set.last_layer import last_layer
from taggant.stats import radioactive_p
from taggant.victim.small_net import SmallNet

D_MARKER = 24


def white_box(weights, marker_features, tested_features, carriers):
    alignment = align(marker_features, tested_features)
    return radioactive_p(aligned_rows(weights, alignment), carriers), alignment


def fixed(seed: int = 0, images: int = 200, d_m: int = D_MARKER, d_t: int = 17, classes: int = 6):
    rng = np.random.default_rng(seed)
    given = rng.standard_normal((images, d_m))
    wanted = np.maximum(given @ rng.standard_normal((d_m, d_t)), 0)
    return rng.standard_normal((classes, d_t)), given, wanted, rng.standard_normal((classes, d_m))


def tail(cosine: float, d: int) -> float:
    """P(cosine of a uniform direction >= c): the density on the sphere, integrated."""

    def density(angle: float) -> float:
        return math.sin(angle) ** (d - 2)

    return quad(density, 0, math.acos(cosine))[0] / quad(density, 0, math.pi)[0]


def test_p_values_are_the_published_formulas():
    """Written anew from the paper: normal equations, cosines, sphere tails, chi-square."""
    weights, given, wanted, carriers = fixed()
    found, _ = white_box(weights, given, wanted, carriers)
    mapping = np.linalg.solve(given.T @ given, given.T @ wanted)
    logs = []
    for k in range(len(weights)):
        row = mapping @ weights[k]
        cosine = row @ carriers[k] / math.sqrt((row @ row) * (carriers[k] @ carriers[k]))
        assert found.cosines[k] == pytest.approx(cosine, abs=1e-9)
        logs.append(math.log(tail(cosine, D_MARKER)))
        assert math.exp(found.log_p[k]) == pytest.approx(math.exp(logs[-1]), abs=1e-6)
    # Chi-square of 2C degrees beyond x is a Poisson sum: exp(-x/2) * sum of (x/2)^k / k!.
    half = -sum(logs)
    combined = math.exp(-half) * sum(half**k / math.factorial(k) for k in range(len(logs)))
    assert math.exp(found.log_p_combined) == pytest.approx(combined, abs=1e-6)


@pytest.mark.parametrize("d_t", [5, 24, 60])
def test_a_linear_relation_is_found_whatever_the_widths(d_t):
    rng = np.random.default_rng(1)
    given = rng.standard_normal((300, 24))
    true = rng.standard_normal((24, d_t))
    found = align(given, given @ true)
    assert found.rank == 24
    assert found.unexplained < 1e-20
    assert np.allclose(found.matrix, true)


def test_dead_and_dependent_features_get_the_smallest_map():
    rng = np.random.default_rng(2)
    given = rng.standard_normal((300, 10))
    given[:, 3] = 0
    given[:, 7] = 2 * given[:, 6]
    wanted = rng.standard_normal((300, 4))
    found = align(given, wanted)
    assert found.rank == 8
    assert np.allclose(found.matrix, np.linalg.pinv(given) @ wanted)
    assert np.allclose(found.matrix[3], 0, atol=1e-12)
    few = align(given[:5], wanted[:5])  # fewer images than features
    assert few.rank == 5
    assert few.unexplained < 1e-20


def test_rows_of_rounding_are_no_evidence():
    weights, given, wanted, carriers = fixed()
    weights[2] = 1e-9 * weights[1]
    weights[4] = 0
    rows = aligned_rows(weights, align(given, wanted))
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 0, 1, 0, 1])
    found, _ = white_box(weights, given, wanted, carriers)
    assert found.log_p[2] == found.log_p[4] == 0
    nothing, _ = white_box(np.zeros_like(weights), given, wanted, carriers)
    assert nothing.log_p_combined == 0


def test_rows_along_the_carriers_are_found_through_another_basis():
    _, given, _, carriers = fixed()
    turn = np.random.default_rng(3).standard_normal((D_MARKER, 40))
    unit = carriers / np.linalg.norm(carriers, axis=1, keepdims=True)
    # A tested network that sees the marker's features turned: its rows undo the turn.
    found, alignment = white_box(unit @ np.linalg.pinv(turn).T, given, given @ turn, carriers)
    assert alignment.unexplained < 1e-12
    assert found.log10_p < -2


def test_errors():
    weights, given, wanted, carriers = fixed()
    with pytest.raises(ValueError, match=r"accepted are \[N, d_m\]"):
        align(given[:-1], wanted)
    with pytest.raises(ValueError, match="not finite"):
        align(given, wanted * np.nan)
    with pytest.raises(ValueError, match="one shape"):
        white_box(weights, given, wanted, carriers[:, 1:])


class Uint8(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.net = nn.Sequential(*layers)

    def forward(self, images):
        return self.net(images.float() / 255)


def trained(model: nn.Module, steps: int = 15) -> nn.Module:
    """A few steps on unmarked images, so that rows differ from their start."""
    data = random_set(64, seed=5, classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.images), data.labels).backward()
        optimizer.step()
    return model


def probe() -> nn.Module:
    """A linear layer on the marker's own frozen features."""
    net = marker().backbone.net

    class Frozen(nn.Module):
        def forward(self, images):
            return net((images - 0.5) / 0.25)

    return Uint8(Frozen(), nn.Linear(32, 10))


UNMARKED = {
    "narrow": lambda: Uint8(SmallNet(10, image_size=16, width=2)),
    "wide": lambda: Uint8(SmallNet(10, image_size=16, width=8)),
    "shallow": lambda: Uint8(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 10)
    ),
    "probe": probe,
}


@pytest.mark.parametrize("name", UNMARKED)
def test_unmarked_models_have_uniform_p_values(name):
    """400 carrier draws: exact Kolmogorov-Smirnov, and exact binomial at three levels."""
    torch.manual_seed(7)
    model = trained(UNMARKED[name]())
    held_out = random_set(100, seed=8).images
    layer = last_layer(model, held_out)
    rows = aligned_rows(
        layer.weights, align(marker().features(held_out.float()).numpy(), layer.features)
    )
    rng = np.random.default_rng(9)
    draws = [radioactive_p(rows, rng.standard_normal(rows.shape)) for _ in range(400)]
    p = np.exp([draw.log_p_combined for draw in draws])
    assert kstest(p, "uniform", method="exact").pvalue > 0.01
    for level in (0.01, 0.05, 0.2):
        assert binomtest(int((p <= level).sum()), len(p), level).pvalue > 0.005
