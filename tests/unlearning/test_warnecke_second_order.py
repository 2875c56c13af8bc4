"""On a convex model the second-order update is retraining, and its step is the exact solve."""

from __future__ import annotations

import pytest
import torch
from tests.conftest import random_set
from torch.nn.functional import cross_entropy

from taggant.data.batches import Batches
from taggant.unlearning.request import Request
from taggant.unlearning.warnecke_first_order import forget_gradient
from taggant.unlearning.warnecke_second_order import WarneckeSecondOrder, flat, hessian_vector

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

    def after_step(self, progress=0.0):
        pass

    def batches(self, data, seed, device, plain=False):
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
    unlearn = WarneckeSecondOrder(damping=0.0, tolerance=1e-8, l2=L2)
    after, wanted = (m.weights.detach() for m in (unlearn(request), retrained))
    distance = (after - wanted).norm() / wanted.norm()
    gone = (before - wanted).norm() / wanted.norm()
    assert distance < 1e-3 < gone / 5


def test_the_step_is_the_exact_one_to_the_residual_that_is_recorded(data):
    asked = request_of(Softmax().solve(data), data)
    before = asked.victim.weights.detach().clone().flatten()
    damping, share = 0.03, 1 - FORGET / COUNT
    basis = torch.eye(36, dtype=torch.float64)
    products = [hessian_vector(asked, asked.retain, e) for e in basis]
    hessian = share * torch.stack(products) + L2 * basis
    assert torch.allclose(hessian, hessian.T)
    gradient = flat(forget_gradient(asked)) / COUNT
    exact = torch.linalg.solve(hessian + damping * basis, gradient)
    WarneckeSecondOrder(damping=damping, tolerance=1e-3, l2=L2)(asked)
    step = asked.victim.weights.detach().flatten() - before
    apart = (hessian + damping * basis) @ step - gradient
    assert asked.notes["solve_damping"] == damping
    assert 0 < asked.notes["solve_residual"] <= 1e-3
    assert asked.notes["solve_residual"] == pytest.approx(float(apart.norm() / gradient.norm()))
    assert torch.allclose(step, exact, rtol=1e-2, atol=1e-3 * exact.abs().max())


def test_the_hessian_may_be_of_a_part_of_the_images(data):
    asked = request_of(Softmax().solve(data), data)
    WarneckeSecondOrder(images=10, l2=L2)(asked)
    assert asked.notes["solve_residual"] <= 1e-3
    assert asked.steps == 1 + 2 * asked.notes["solve_products"]


@pytest.mark.parametrize(
    "wrong", [{"damping": -1.0}, {"tolerance": 0.0}, {"limit": 0}, {"images": 0}]
)
def test_bad_parameters_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"unlearning\.{name} = "):
        WarneckeSecondOrder(**wrong)
