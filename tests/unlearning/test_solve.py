"""Conjugate gradients against LAPACK, and what they do where a matrix is not positive."""

from __future__ import annotations

import pytest
import torch

from taggant.unlearning.request import Diverged
from taggant.unlearning.solve import solve

SIZE = 30


def matrix(lowest: float, highest: float = 10.0) -> torch.Tensor:
    """Symmetric, with eigenvalues from `lowest` to `highest`."""
    generator = torch.Generator().manual_seed(0)
    random = torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)
    basis, _ = torch.linalg.qr(random)
    return basis @ torch.diag(torch.linspace(lowest, highest, SIZE).double()) @ basis.T


VECTOR = torch.linspace(-1, 2, SIZE, dtype=torch.float64)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-11])
def test_the_residual_is_kept_and_the_damping_stays_where_it_suffices(tolerance):
    h = matrix(0.01)
    found = solve(lambda v: h @ v, VECTOR, 0.1, tolerance, 200)
    damped = h + 0.1 * torch.eye(SIZE, dtype=torch.float64)
    apart = (damped @ found.vector - VECTOR).norm() / VECTOR.norm()
    assert found.damping == 0.1
    assert found.residual == pytest.approx(float(apart), rel=1e-3, abs=1e-14)
    assert found.residual <= tolerance
    exact = torch.linalg.solve(damped, VECTOR)
    assert (found.vector - exact).norm() <= tolerance * VECTOR.norm() / 0.11


def test_in_float32_the_true_residual_decides():
    h = matrix(1e-3, 100.0).float()
    found = solve(lambda v: h @ v, VECTOR.float(), 1e-2, 1e-4, 2000)
    damped = h.double() + 1e-2 * torch.eye(SIZE, dtype=torch.float64)
    apart = (damped @ found.vector.double() - VECTOR).norm() / VECTOR.norm()
    assert float(apart) <= 1.2e-4


def test_negative_curvature_raises_the_damping_that_is_returned():
    h = matrix(-2.0)
    found = solve(lambda v: h @ v, VECTOR, 0.5, 1e-6, 500)
    assert found.damping > 2.0
    apart = (h @ found.vector + found.damping * found.vector - VECTOR).norm() / VECTOR.norm()
    assert float(apart) <= 1e-6


def test_what_needs_more_products_has_diverged():
    h = matrix(1e-6)
    with pytest.raises(Diverged, match=r"after 5 products.* 1\.0e-09 was asked for"):
        solve(lambda v: h @ v, VECTOR, 1e-6, 1e-9, 5)
    with pytest.raises(Diverged, match="not finite"):
        solve(lambda v: v * torch.nan, VECTOR, 1.0, 1e-3, 5)


def test_nothing_is_solved_by_nothing():
    found = solve(lambda v: v, 0 * VECTOR, 1.0, 1e-3, 5)
    assert (found.residual, found.products) == (0.0, 0)
    assert not found.vector.any()
