"""Which run each kind of audit needs."""

from __future__ import annotations

from collections.abc import Mapping

from hydra.utils import get_class

from taggant.pipeline.audit_run import AuditRun
from taggant.pipeline.context import RunContext
from taggant.pipeline.controlled_run import ControlledRun
from taggant.pipeline.instance_run import InstanceRun
from taggant.pipeline.whole_set_run import WholeSetRun

RUNS: Mapping[str, type[InstanceRun | WholeSetRun]] = {
    "instance": InstanceRun,
    "controlled": ControlledRun,
    "whole_set": WholeSetRun,
}
"""The class of a run, by the ``kind`` of its audit."""


def run_from_context(context: RunContext) -> AuditRun:
    """The run that a context's audit asks for, with nothing computed yet.

    Raises
    ------
    ValueError
        For an audit that names no kind of run that there is.
    """
    kind = str(getattr(get_class(context.cfg.audit._target_), "kind", None))
    if kind not in RUNS:
        raise ValueError(
            f"audit._target_ = {context.cfg.audit._target_}: its kind is {kind}; accepted are "
            f"{', '.join(RUNS)}"
        )
    return RUNS[kind](context)
