"""On a convex model the second-order update is retraining, and LiSSA is the exact solve."""

from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from torch.nn.functional import cross_entropy

from taggant.data.batches import Batches
from taggant.unlearning.request import Diverged, Request
from taggant.unlearning.warnecke_second_order import (
    WarneckeSecondOrder,
    hessian_vector,
    lissa,
)

L2 = 0.05
COUNT, FORGET = 400, 4  # 1 %


class Softmax(torch.nn.Module):
    """Multinomial logistic regression on four pixels, in double precision."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(12, 3, dtype=torch.float64))

    def logits(self, batch):
        return (batch[0].double().flatten(1) / 74 - 1.7) @ self.weights

    def batch_loss(self, batch):
        return cross_entropy(self.logits(batch), batch[1])

    def batches(self, data, seed, device):
        return Batches(data.images, data.labels, COUNT, seed)

    def solve(self, data) -> Softmax:
        """Minimise (summed loss of `data`) / COUNT + L2 / 2 |weights|^2, by Newton's method."""
        batch = data.images, data.labels
        for _ in range(12):

            def objective(weights):
                found = batch[0].double().flatten(1) / 74 - 1.7
                fit = cross_entropy(found @ weights.view(12, 3), batch[1], reduction="sum")
                return fit / COUNT + L2 / 2 * weights.square().sum()

            at = self.weights.detach().flatten()
            gradient = torch.autograd.functional.jacobian(objective, at)
            hessian = torch.autograd.functional.hessian(objective, at)
            with torch.no_grad():
                self.weights.sub_(torch.linalg.solve(hessian, gradient).view(12, 3))
        return self


@pytest.fixture(scope="module")
def data():
    return random_set(COUNT, seed=1, size=2, classes=3)


def request_of(model, data) -> Request:
    forget, retain = data.select(range(FORGET)), data.select(range(FORGET, COUNT))
    return Request(model, forget, retain, 0, torch.device("cpu"), None, None)


def test_it_equals_retraining_to_a_thousandth(data):
    trained = Softmax().solve(data)
    before = trained.weights.detach().clone()
    request = request_of(trained, data)
    retrained = Softmax().solve(request.retain)
    unlearn = WarneckeSecondOrder(iterations=900, scale=3.0, damping=0.0, l2=L2)
    after, wanted = (m.weights.detach() for m in (unlearn(request), retrained))
    distance = (after - wanted).norm() / wanted.norm()
    gone = (before - wanted).norm() / wanted.norm()
    assert distance < 1e-3 < gone / 5


def test_lissa_equals_the_exact_solve(data):
    request = request_of(Softmax().solve(data), data)
    batch = next(request.batches(request.retain))

    def curvature(vector):
        product = hessian_vector(request, batch, vector)
        return [p + L2 * v for p, v in zip(product, vector, strict=True)]

    basis = torch.eye(36, dtype=torch.float64)
    hessian = torch.stack([curvature([e.view(12, 3)])[0].flatten() for e in basis])
    assert torch.allclose(hessian, hessian.T)
    vector = torch.linspace(-1, 1, 36, dtype=torch.float64)
    damping, scale = 0.01, 3.0
    exact = torch.linalg.solve(hessian + scale * damping * basis, vector)
    found = lissa(curvature, [vector.view(12, 3)], 700, scale, damping)[0].flatten()
    assert torch.allclose(found, exact, rtol=1e-5, atol=1e-6)


def test_too_small_a_scale_is_found_out(data):
    with pytest.raises(Diverged, match="a larger scale or damping is needed"):
        lissa(lambda u: [100 * part for part in u], [torch.ones(2)], 200, 1.0, 0.0)
