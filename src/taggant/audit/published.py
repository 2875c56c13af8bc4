"""Whether hidden versions are made as the published one was; without it there is no audit."""

from __future__ import annotations

from taggant.marking.instances import Instances
from taggant.marking.place import Place
from taggant.marking.publish import RemakeError, remake_place


class AuditError(RuntimeError):
    """The audit refuses to go on, because its guarantee would not hold."""


def check_published(instances: Instances) -> Place:
    """Re-make the published versions, compare bit for bit; where they come out the same.

    Raises
    ------
    AuditError
        If they come out the same nowhere: hidden versions would then not be made as the published
        one was, and its rank would mean nothing.
    """
    try:
        return remake_place(instances.scheme, instances.ledger, instances.raw, instances.published)
    except RemakeError as error:
        raise AuditError(str(error)) from error
