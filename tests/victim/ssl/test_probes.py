from __future__ import annotations

import pytest
import torch

from taggant.victim.ssl import probes

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.arange(60) % 3
CENTRES = 4 * torch.eye(3, 8)
CLUSTERS = CENTRES[LABELS] + torch.randn(60, 8, generator=GENERATOR)
NOISE = torch.randn(60, 8, generator=GENERATOR)


@pytest.mark.parametrize("probe", [probes.knn, probes.linear])
def test_clusters_are_found_and_noise_is_not(probe):
    assert probe(CLUSTERS, LABELS) > 0.9
    assert probe(NOISE, LABELS) < 0.6


def test_leaving_out_without_solving_again_is_leaving_out():
    right = 0
    for i in range(len(LABELS)):
        rest = torch.arange(len(LABELS)) != i
        x, y = CLUSTERS.double(), torch.nn.functional.one_hot(LABELS).double()
        centred = x - x.mean(0)
        penalty = 0.5 * centred.square().sum(1).mean()
        # The constant is not penalised: centred features, and the mean of all is its direction.
        design = torch.cat([centred, torch.ones(60, 1).double()], 1)
        cost = penalty * torch.diag(torch.tensor([1.0] * 8 + [0.0]).double())
        fit = torch.linalg.solve(design[rest].T @ design[rest] + cost, design[rest].T @ y[rest])
        right += int((design[i] @ fit).argmax() == LABELS[i])
    assert probes.linear(CLUSTERS, LABELS, ridge=0.5) == pytest.approx(right / 60)


def test_knn_leaves_the_image_itself_out():
    features, labels = torch.eye(4).repeat(2, 1), torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    assert probes.knn(features, labels, k=1) == 0
