"""Exact unlearning: training anew without the forget set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from taggant.unlearning.method import Method
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class Retrain(Method):
    """Train anew on the retain set, by the victim's own recipe and seed.

    Guarantee: the outcome is a function of the retain set and public values, so the ranks of
    forgotten instances are exactly uniform, as those of never-used ones are. It has no strength.
    """

    depends: ClassVar[Sequence[str]] = ("forget",)
    needs: ClassVar[Sequence[str]] = ()

    def __call__(self, request: Request) -> Unlearnable:
        """A new victim."""
        return request.retrained(request.retain)

    unlearn = __call__
