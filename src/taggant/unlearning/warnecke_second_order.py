"""Second-order removal: one Newton step, its inverse Hessian by LiSSA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from taggant.unlearning.method import Method
from taggant.unlearning.request import Batch, Diverged, Request, endless
from taggant.unlearning.warnecke_first_order import forget_gradient, move

Vector = list[Tensor]


@dataclass(frozen=True)
class WarneckeSecondOrder(Method):
    """theta + H^-1 grad L(forget), H the Hessian of the retain set's summed loss.

    All is divided by the number of training images, so that H is a mean. It is the Newton step
    towards the minimum of the loss without the forget set; on a convex loss, and few instances to
    forget, it is that minimum up to second order.

    Parameters
    ----------
    iterations : int
        Steps of LiSSA, one batch each.
    scale, damping : float
        LiSSA finds (H + scale damping I)^-1 v. Scale must exceed the largest curvature of any
        batch, or it diverges; damping must exceed the most negative one, over scale.
    l2 : float
        Weight decay of the victim's training, part of H.

    Notes
    -----
    Source: Warnecke et al., "Machine unlearning of features and labels" (NDSS 2023), second-order
    update for pure deletion; recursion as in ``core.py`` of github.com/alewarne/MachineUnlearning,
    where scale and damping are tuned by hand. The defaults here are ours.
    """

    iterations: int = 50
    scale: float = 100.0
    damping: float = 1e-2
    l2: float = 0.0

    def unlearn(self, request: Request) -> Any:
        """Solve, then move."""
        request.victim.eval()
        count = len(request.retain) + len(request.forget)
        gradient = [g / count for g in forget_gradient(request)]
        batches = endless(partial(_epoch, request))
        share = len(request.retain) / count

        def curvature(vector: Vector) -> Vector:
            product = hessian_vector(request, next(batches), vector)
            return [share * p + self.l2 * v for p, v in zip(product, vector, strict=True)]

        direction = lissa(curvature, gradient, self.iterations, self.scale, self.damping)
        move(request, direction, self.strength)
        return request.victim


def lissa(
    curvature: Callable[[Vector], Vector],
    vector: Vector,
    iterations: int,
    scale: float,
    damping: float,
) -> Vector:
    """Approximate (H + scale damping I)^-1 v by u <- v + (1 - damping) u - H u / scale.

    Parameters
    ----------
    curvature : callable
        Hessian-vector product, of a batch drawn anew at each call.
    vector : list of Tensor

    Raises
    ------
    Diverged
        If the recursion does.

    Notes
    -----
    Source: Agarwal et al., "Second-order stochastic optimization for machine learning in linear
    time" (JMLR 2017).
    """
    found = vector
    for step in range(iterations):
        product = curvature(found)
        found = [
            v + (1 - damping) * u - h / scale
            for v, u, h in zip(vector, found, product, strict=True)
        ]
        if not all(bool(torch.isfinite(u).all()) for u in found):
            raise Diverged(f"LiSSA after {step + 1} steps: a larger scale or damping is needed")
    return [u / scale for u in found]


def hessian_vector(request: Request, batch: Batch, vector: Vector) -> Vector:
    """Hessian of a batch's mean loss times a vector; two gradient steps are counted."""
    weights = list(request.victim.parameters())
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernels of attention have no second derivative
        loss = request.victim.batch_loss(batch)
    gradient = torch.autograd.grad(loss, weights, create_graph=True)
    along = torch.stack([(g * v).sum() for g, v in zip(gradient, vector, strict=True)]).sum()
    request.steps += 2
    return list(torch.autograd.grad(along, weights))


def _epoch(request: Request, epoch: int) -> Iterator[Batch]:
    return request.batches(request.retain, first=epoch)
