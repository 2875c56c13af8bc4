"""Whether hidden versions are made as the published one was; without it there is no audit."""

from __future__ import annotations

from taggant.marking.device import MarkingDevice
from taggant.marking.instances import Instances
from taggant.marking.publish import RemakeError, remaking_device


class AuditError(RuntimeError):
    """The audit refuses to go on, because its guarantee would not hold."""


def check_published(instances: Instances) -> MarkingDevice:
    """Make the published versions again; return the device on which they are equal bit for bit.

    Raises
    ------
    AuditError
        If there is none: hidden versions would then not be made as the published one was, and its
        rank would mean nothing.
    """
    try:
        return remaking_device(
            instances.scheme, instances.ledger, instances.raw, instances.published
        )
    except RemakeError as error:
        raise AuditError(str(error)) from error
