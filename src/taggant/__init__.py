"""taggant: was a visual model trained on given images? An answer with a provable error rate.

Importing it is cheap: every name below is looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from taggant.api.audit import audit as audit
    from taggant.api.audit import audit_set as audit_set
    from taggant.api.callback import AuditCallback as AuditCallback
    from taggant.api.hugging_face import transformers_callback as transformers_callback
    from taggant.api.mark import mark as mark
    from taggant.api.marked import Marked as Marked
    from taggant.api.metric import AuditMetric as AuditMetric
    from taggant.api.planning import plan as plan
    from taggant.api.planning import plan_together as plan_together
    from taggant.api.planning import plan_withheld as plan_withheld
    from taggant.api.result import AuditResult as AuditResult
    from taggant.api.result import SetResult as SetResult
    from taggant.api.unlearn import unlearn as unlearn
    from taggant.marking.ledger import Ledger as Ledger

try:
    __version__ = version("taggant")
except PackageNotFoundError:  # a copy of the sources that was not installed
    __version__ = "0+unknown"

_HOMES = {
    "AuditCallback": "api.callback",
    "AuditMetric": "api.metric",
    "AuditResult": "api.result",
    "Ledger": "marking.ledger",
    "Marked": "api.marked",
    "SetResult": "api.result",
    "audit": "api.audit",
    "audit_set": "api.audit",
    "mark": "api.mark",
    "plan": "api.planning",
    "plan_together": "api.planning",
    "plan_withheld": "api.planning",
    "transformers_callback": "api.hugging_face",
    "unlearn": "api.unlearn",
}
"""Public names, and the modules that define them."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
