"""Second-order removal: one Newton step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from taggant.data.imageset import ImageSet
from taggant.optim import trained_parameters
from taggant.unlearning.method import Method, evaluated_without_trace, move
from taggant.unlearning.request import Batch, Request, Unlearnable
from taggant.unlearning.solve import solve
from taggant.unlearning.warnecke_first_order import forget_gradient


@dataclass(frozen=True)
class WarneckeSecondOrder(Method):
    """theta + (H + damping I)^-1 grad L(forget), H the Hessian of the retain set's summed loss.

    All is divided by the number of training images, so that H is a mean. It is the Newton step
    towards the minimum of the loss without the forget set; on a convex loss, and few instances to
    forget, it is that minimum up to second order. Images are as published and batches fixed.

    The step is solved for by conjugate gradients to a stated residual. The result records the
    residual that was reached, the damping, which is raised where H has more negative curvatures
    than it makes up for, and the number of products with H.

    Parameters
    ----------
    damping : float
        Added to the curvatures of the mean loss.
    tolerance : float
        Largest relative residual ||(H + damping I) u - grad|| / ||grad||.
    limit : int
        Products with H at most; what needs more has diverged.
    l2 : float
        Weight decay of the victim's training, part of H.
    images : int, optional
        Images of the retain set that H is taken from at most, drawn once; None takes all.

    Raises
    ------
    ValueError
        For a negative damping, or a tolerance, limit or number of images that is not positive.

    Notes
    -----
    Source: Warnecke et al., "Machine unlearning of features and labels" (NDSS 2023), second-order
    update for pure deletion. The authors' code (``core.py`` of
    github.com/alewarne/MachineUnlearning) approximates the same inverse by LiSSA, whose recursion
    u <- v + (1 - d) u - H u / s ends at u / s = (H + s d I)^-1 v. It sums losses over batches of
    1,024 images and takes s = 2e5, d = 1e-4: that is a damping of 20 on the sum, .0195 on the mean
    loss, which is the default here. Its gradient is a sum too and its H that of one batch, so its
    step is longer than Newton's by training images / 1,024; and it updates the last six weight
    tensors only. Here all weights change, by Newton's step.
    """

    damping: float = 0.0195
    tolerance: float = 1e-3
    limit: int = 2000
    l2: float = 0.0
    images: int | None = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.damping >= 0:
            raise ValueError(f"unlearning.damping = {self.damping}: accepted are 0 and above")
        for name in ("tolerance", "limit", "images"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"unlearning.{name} = {value}: accepted are positive numbers")

    def unlearn(self, request: Request) -> Unlearnable:
        """Solve, then move."""
        count = len(request.retain) + len(request.forget)
        share = len(request.retain) / count
        gradient = flat(forget_gradient(request)) / count
        seen = request.retain if self.images is None else request.part(request.retain, self.images)

        def product(vector: Tensor) -> Tensor:
            return share * hessian_vector(request, seen, vector) + self.l2 * vector

        found = solve(product, gradient, self.damping, self.tolerance, self.limit)
        request.notes |= {
            "solve_damping": found.damping,
            "solve_residual": found.residual,
            "solve_products": found.products,
        }
        shapes = [weight.shape for weight in trained_parameters(request.victim)]
        move(request, unflat(found.vector, shapes), self.strength)
        return request.victim


def hessian_vector(request: Request, data: ImageSet, vector: Tensor) -> Tensor:
    """Hessian of a set's mean loss by `trained_parameters`, times a vector [d].

    Two gradient steps are counted for each batch.
    """
    total = torch.zeros_like(vector)
    for batch in request.plain(data):
        total += len(batch[0]) * _batch_product(request, batch, vector)
    return total / len(data)


def _batch_product(request: Request, batch: Batch, vector: Tensor) -> Tensor:
    """Hessian of a batch's mean loss times a vector [d]."""
    weights = trained_parameters(request.victim)
    request.steps += 2
    with evaluated_without_trace(request.victim):
        with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
            loss = request.victim.batch_loss(batch)
        found = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
        along = unflat(vector, [weight.shape for weight in weights])
        slope = torch.stack([(g * part).sum() for g, part in zip(found, along, strict=True)]).sum()
        products = torch.autograd.grad(slope, weights, materialize_grads=True)
    return flat(products)


def flat(parts: Sequence[Tensor]) -> Tensor:
    """Tensors as one vector."""
    return torch.cat([part.flatten() for part in parts])


def unflat(vector: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """The inverse of `flat`."""
    parts = vector.split([shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
