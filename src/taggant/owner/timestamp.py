"""Timestamps of commitments by an authority, RFC 3161: asked for, read and checked.

A reply may be anybody's. The library parses it in memory-safe code, and nothing is taken from it
but a digest, a time and a signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from taggant.extras import library
from taggant.files import write_atomically
from taggant.owner.commitments import PublicCommitment
from taggant.owner.schema import printable, to_json
from taggant.score.http import Client, NoAnswerError
from taggant.urls import redact

if TYPE_CHECKING:  # libraries that may be absent
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse as Parsed

LARGEST_REPLY = 1 << 18
"""Bytes: a reply with a chain of certificates has some 6,000."""
TIMEOUT = 60.0
HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}


class TimestampError(ValueError):
    """A reply that is none, or not one of what it is given for."""


class OtherMessageError(TimestampError):
    """A reply about another message."""


@dataclass(frozen=True)
class Stamp:
    """What a checked reply says.

    Attributes
    ----------
    time : datetime
        With its time zone.
    signer : str
        The authority's certificate, by issuer and number.
    """

    time: datetime
    signer: str


def stamped(public: PublicCommitment) -> bytes:
    """What is timestamped of a batch: its public file, byte for byte."""
    return to_json(public)


def stated_time(reply: bytes, message: bytes) -> datetime:
    """The time that a reply states of a message. Who says so is not looked at.

    Raises
    ------
    TimestampError
        If it is no reply, a refusal, or one about another message.
    """
    parsed = _parsed(reply)
    _check_imprint(parsed, message)
    return parsed.tst_info.gen_time


def is_of(reply: bytes, message: bytes) -> bool:
    """Whether a reply is about a message.

    Raises
    ------
    TimestampError
        If it is no reply, or a refusal.
    """
    try:
        stated_time(reply, message)
    except OtherMessageError:
        return False
    return True


def check(reply: bytes, message: bytes, authority: bytes) -> Stamp:
    """Check a reply: that an authority signed that a message was there at a time.

    The signature, the chain from the signer to a root of `authority` as it was valid at that
    time, the signer's right to give timestamps, and the digest of the message.

    Parameters
    ----------
    reply : bytes
        DER, as the authority sent it.
    message : bytes
    authority : bytes
        Its certificates, PEM: a root, and those between if the reply does not bring them.

    Raises
    ------
    TimestampError
        Naming what is wrong.
    """
    rfc3161 = _library()
    parsed = _parsed(reply)
    _check_imprint(parsed, message)
    builder = rfc3161.VerifierBuilder()
    for certificate in _certificates(authority):
        if certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(parsed, message)
    except (rfc3161.VerificationError, ValueError) as error:
        raise TimestampError(f"the authority did not sign it: {printable(str(error))}") from None
    (signer,) = parsed.signed_data.signer_infos
    number = signer.serial_number
    return Stamp(parsed.tst_info.gen_time, f"{signer.issuer.rfc4514_string()}, number {number:x}")


def ask(url: str, message: bytes, out: Path) -> datetime:
    """Have an authority timestamp a message, and keep its reply; the time that it states.

    Parameters
    ----------
    url : str
        Of the authority; only the SHA-256 of the message is sent to it.
    message : bytes
    out : Path
        Where the reply goes.

    Raises
    ------
    TimestampError
        If no reply comes, or one to another question.
    """
    rfc3161 = _library()
    request = (
        rfc3161.TimestampRequestBuilder()
        .data(message)
        .hash_algorithm(rfc3161.HashAlgorithm.SHA256)
        .build()
    )
    try:
        reply = Client(TIMEOUT, HEADERS, LARGEST_REPLY).send("POST", url, request.as_bytes())
    except NoAnswerError as error:
        raise TimestampError(f"--timestamp: {redact(str(error), [url])}") from None
    if not reply.ok:
        raise TimestampError(
            f"--timestamp: the authority answered with status {reply.status}: {reply.said[:200]}"
        )
    parsed = _parsed(reply.content)
    _check_imprint(parsed, message)
    if parsed.tst_info.nonce != request.nonce:
        raise TimestampError("--timestamp: the reply is to another question (its nonce differs)")
    write_atomically(out, reply.content)
    return parsed.tst_info.gen_time


def _library() -> ModuleType:
    return library("rfc3161_client", "timestamps")


def _parsed(reply: bytes) -> Parsed:
    if len(reply) > LARGEST_REPLY:
        raise TimestampError(f"more than {LARGEST_REPLY} bytes, which are accepted at most")
    try:
        parsed: Parsed = _library().decode_timestamp_response(reply)
        if parsed.status > 1:  # 0 granted, 1 granted with changes
            raise TimestampError(f"the authority refused (status {parsed.status})")
        parsed.tst_info.message_imprint  # noqa: B018 - is there one
    except TimestampError:
        raise
    except ValueError as error:
        raise TimestampError(f"it is no RFC 3161 reply: {printable(str(error))[:200]}") from None
    return parsed


def _check_imprint(parsed: Parsed, message: bytes) -> None:
    imprint = parsed.tst_info.message_imprint
    name = HASHES.get(imprint.hash_algorithm.dotted_string)
    if name is None:
        known = ", ".join(HASHES.values())
        raise TimestampError(f"it is of a digest that is not taken; accepted are {known}")
    if hashlib.new(name, message).digest() != imprint.message:
        raise OtherMessageError("it is of another file: the digests differ")


def _certificates(authority: bytes) -> Sequence[Certificate]:
    library("cryptography", "timestamps")
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = load_pem_x509_certificates(authority)
    except ValueError as error:
        raise TimestampError(
            f"--authority: no certificates in PEM: {printable(str(error))[:200]}"
        ) from None
    if not any(one.issuer == one.subject for one in found):
        raise TimestampError(
            "--authority: no root among its certificates; accepted is a root (issued by itself), "
            "with those between it and the authority if need be"
        )
    return found
