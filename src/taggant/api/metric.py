"""Audits as a metric for one's own training loop."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from taggant.api.audit import audit
from taggant.api.marked import Marked
from taggant.api.result import AuditResult
from taggant.api.watch import check_call
from taggant.models.load import Loadable

GROUPS = {"detection_rate": "used", "false_detection_rate": "unused"}
"""Rates, and the images that each is of."""


class AuditMetric(Metric):
    """Detection and false-detection rate of the models that it was updated with since `reset`.

    Guarantee: that of `taggant.audit` for each update on its own.

    Parameters
    ----------
    marked : Marked
        From `taggant.mark`.
    p : float
        Bound on the false-detection rate of each image's audit.
    **options
        Further arguments of `taggant.audit`.

    Attributes
    ----------
    result : AuditResult or None
        Of the last update.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.

    Examples
    --------
    >>> import numpy as np, taggant
    >>> images = np.random.default_rng(0).integers(256, size=(10, 3, 16, 16), dtype=np.uint8)
    >>> metric = taggant.AuditMetric(taggant.mark(images, [0, 1] * 5, n=20), p=0.1)
    >>> metric.update(lambda images: 0 * images.float().mean((2, 3)))
    >>> metric.compute()
    {'detection_rate': tensor(0.), 'false_detection_rate': tensor(0.)}
    """

    higher_is_better = None
    is_differentiable = False
    full_state_update = False

    def __init__(self, marked: Marked, p: float = 0.05, **options: Any) -> None:
        super().__init__()
        check_call(marked, p, options)
        self.marked, self.p, self.options = marked, p, options
        self.result: AuditResult | None = None
        for group in GROUPS.values():
            for name in ("claimed", "audited"):
                self.add_state(f"{name}_{group}", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, model: Loadable) -> None:
        """Audit a model; a void audit counts its images as not claimed."""
        self.result = audit(model, self.marked, self.p, **self.options)
        masks = {"used": self.result.used, "unused": ~self.result.used}
        for group, mask in masks.items():
            counts = {"claimed": self.result.claims[mask].sum(), "audited": mask.sum()}
            for name, count in counts.items():
                total: Tensor = getattr(self, f"{name}_{group}")
                setattr(self, f"{name}_{group}", total + int(count))

    def compute(self) -> dict[str, Tensor]:
        """Both rates; NaN of a group without images."""
        return {
            rate: getattr(self, f"claimed_{group}") / getattr(self, f"audited_{group}")
            for rate, group in GROUPS.items()
        }
