"""Linear systems in a Hessian that is known by its products with vectors only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from taggant.unlearning.request import Diverged


@dataclass(frozen=True)
class Solution:
    """An approximate solution u of (H + damping I) u = v, and how good it is.

    Attributes
    ----------
    vector : Tensor [d]
        u.
    damping : float
        As asked for, or larger where H has curvatures below minus that.
    residual : float
        ||(H + damping I) u - v|| / ||v||, computed anew from u.
    products : int
        Products with H that it took.
    """

    vector: Tensor
    damping: float
    residual: float
    products: int


def solve(
    product: Callable[[Tensor], Tensor],
    vector: Tensor,
    damping: float,
    tolerance: float,
    limit: int,
) -> Solution:
    """Solve (H + damping I) u = v by conjugate gradients, to a residual of at most `tolerance`.

    Conjugate gradients need a positive matrix. Where they meet a direction of which H + damping I
    is not, damping is raised beyond what that direction shows, at least doubled, and they begin
    anew: the damping that is returned is the one that u solves with.

    Parameters
    ----------
    product : callable
        H times a vector [d]; H is symmetric and the same in every call.
    vector : Tensor [d]
        v.
    damping : float
        Added to H, 0 or more.
    tolerance : float
        Largest relative residual, above 0.
    limit : int
        Products with H at most.

    Raises
    ------
    Diverged
        If the limit is reached before, or a product is not finite.

    Notes
    -----
    Source: Hestenes & Stiefel (1952); damped as in Martens, "Deep learning via Hessian-free
    optimization" (ICML 2010).
    """
    found, residual, size = torch.zeros_like(vector), vector, float(vector.norm())
    direction, products, apart = residual, 0, 1.0 if size else 0.0
    while apart > tolerance:
        if products >= limit:
            raise Diverged(
                f"the residual is {apart:.1e} after {products} products with the Hessian, and "
                f"{tolerance:.1e} was asked for: a larger damping (now {damping:g}) needs fewer"
            )
        curved = product(direction)
        products += 1
        curvature = dot(direction, curved) / dot(direction, direction)
        if not bool(torch.isfinite(curved).all()):
            raise Diverged("a product with the Hessian is not finite")
        if curvature + damping <= 0:
            damping = max(2 * damping, -2 * curvature)
            found, residual, direction = torch.zeros_like(vector), vector, vector
            continue
        step = dot(residual, residual) / ((curvature + damping) * dot(direction, direction))
        found = found + step * direction
        before, residual = residual, residual - step * (curved + damping * direction)
        apart = float(residual.norm()) / size
        if apart > tolerance:
            direction = residual + dot(residual, residual) / dot(before, before) * direction
        else:  # rounding adds up over the steps: the true residual decides
            residual = vector - product(found) - damping * found
            products += 1
            apart, direction = float(residual.norm()) / size, residual
    return Solution(found, damping, apart, products)


def dot(one: Tensor, other: Tensor) -> float:
    """Scalar product, in float64."""
    return float(one.double() @ other.double())
