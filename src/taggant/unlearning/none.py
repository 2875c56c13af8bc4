"""No unlearning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from taggant.unlearning.method import Method
from taggant.unlearning.request import Request, Unlearnable


@dataclass(frozen=True)
class NoUnlearning(Method):
    """Return the victim as it is, bit for bit: one end of every comparison."""

    depends: ClassVar[Sequence[str]] = ()
    needs: ClassVar[Sequence[str]] = ()

    def __call__(self, request: Request) -> Unlearnable:
        """The victim as it is."""
        return request.victim

    unlearn = __call__
