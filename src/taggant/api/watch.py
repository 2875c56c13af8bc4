"""What audits a model while it is trained: the results by epoch, and the curve that they make."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import polars as pl

from taggant.api.audit import audit, boundary_of
from taggant.api.marked import Marked
from taggant.api.models import check_marked, check_names, instance_audit
from taggant.api.result import AuditResult
from taggant.auditing.readings import ALL
from taggant.data.options import check_whole
from taggant.models.load import Loadable

RATES = ("detection_rate", "false_detection_rate")


def check_call(marked: Marked, p: float, options: Mapping[str, Any]) -> None:
    """Refuse what an audit would refuse, before hours of training; the model is not there yet.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.
    """
    check_marked(marked)
    check_names(set(options) - set(signature(audit).parameters))
    plan = instance_audit(p, options.get("test", "optimal"), options.get("read", ALL))
    boundary_of(plan.test, marked, p)


class Watch:
    """Audits of one model, epoch after epoch.

    The guarantee holds for each epoch on its own, not for the best one chosen afterwards.

    Parameters
    ----------
    marked : Marked
    every : int
        Epochs between audits.
    p : float
        See `taggant.audit`.
    **options
        Further arguments of `taggant.audit`.

    Attributes
    ----------
    results : dict of int to AuditResult
        By epoch, from 1.
    """

    def __init__(self, marked: Marked, every: int, p: float, options: dict[str, Any]) -> None:
        check_whole("every", every)
        check_call(marked, p, options)
        self.marked, self.every, self.p, self.options = marked, every, p, options
        self.results: dict[int, AuditResult] = {}

    def __contains__(self, epoch: object) -> bool:
        return isinstance(epoch, int) and epoch % self.every == 0

    def look(self, epoch: int, model: Loadable) -> dict[str, float]:
        """Audit the model as it is after an epoch; the rates, by the names they are logged by."""
        result = audit(model, self.marked, self.p, **self.options)
        self.results[epoch] = result
        rates = {name: getattr(result, name) for name in RATES}
        return {f"{name}/p={self.p}": rate for name, rate in rates.items() if rate is not None}

    @property
    def curve(self) -> pl.DataFrame:
        """A row an epoch: epoch, p, both rates with the ends of their exact 95 % intervals."""
        rows = []
        for epoch, result in sorted(self.results.items()):
            row: dict[str, float | None] = {"epoch": epoch, "p": self.p}
            for name in ("detection", "false_detection"):
                bounds = getattr(result, f"{name}_interval")
                row[f"{name}_rate"] = getattr(result, f"{name}_rate")
                row[f"{name}_low"] = None if bounds is None else bounds.low
                row[f"{name}_high"] = None if bounds is None else bounds.high
            rows.append(row)
        return pl.DataFrame(rows)
