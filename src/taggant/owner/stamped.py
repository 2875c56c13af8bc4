"""The timestamps of a certificate's commitments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from taggant.owner.certificate import Certificate
from taggant.owner.drand import out_at, round_of
from taggant.owner.timestamp import Stamp, TimestampError, check, is_of, stamped
from taggant.owner.verify import Check


@dataclass(frozen=True)
class Dated:
    """What was found of timestamps.

    Attributes
    ----------
    check : Check
    stamps : mapping of int to Stamp
        By number of the batch, from 1; none if anything is wrong.
    """

    check: Check
    stamps: Mapping[int, Stamp]


def verify_timestamps(c: Certificate, replies: Sequence[bytes], authority: bytes) -> Dated:
    """Check replies of an authority about the commitments of a certificate.

    Parameters
    ----------
    c : Certificate
        That `verify` found nothing wrong with.
    replies : sequence of bytes
        Of some batches, or all, in any order.
    authority : bytes
        Its certificates, PEM.
    """
    stamps: dict[int, Stamp] = {}
    try:
        for reply in replies:
            number, message = _of_batch(c, reply)
            stamp = check(reply, message, authority)
            _before(stamp, c, number)
            if number in stamps:
                raise TimestampError(f"two are given of batch {number}")
            stamps[number] = stamp
    except TimestampError as error:
        return Dated(Check("the timestamps", str(error)), {})
    return Dated(Check("the timestamps"), stamps)


def _of_batch(c: Certificate, reply: bytes) -> tuple[int, bytes]:
    """Number of the batch that a reply is of, and what was timestamped."""
    for number, batch in enumerate(c.batches, 1):
        message = stamped(batch.public)
        if is_of(reply, message):
            return number, message
    raise TimestampError("one is of none of this certificate's commitments")


def _before(stamp: Stamp, c: Certificate, number: int) -> None:
    """Refuse one that proves nothing: later than the certificate, or than what it named spoke."""
    beacon = c.batches[number - 1].terms.beacon
    drawn = round_of(beacon)
    if drawn is not None and stamp.time >= out_at(drawn):
        raise TimestampError(
            f"batch {number} was timestamped at {stamp.time.isoformat()}, when {beacon} was out "
            f"({out_at(drawn).isoformat()}): the owner could have known what it chooses"
        )
    created = datetime.fromisoformat(c.created)
    if created.tzinfo is None:
        created = created.replace(tzinfo=timezone.utc)
    if stamp.time > created:
        raise TimestampError(
            f"one is of {stamp.time.isoformat()}, after the certificate ({c.created}): it proves "
            "nothing"
        )
