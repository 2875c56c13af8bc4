"""Check a certificate: everything in it that can be recomputed is recomputed.

A certificate may be anybody's. It is read as `taggant.owner.schema` says, nothing in it is looked
up or imported, and the first check that fails ends it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taggant.marking.draws import Draws
from taggant.marking.ledger import Ledger
from taggant.owner.certificate import Certificate, Opening, digest_of, packed
from taggant.owner.certify import picture_results, to_open
from taggant.owner.commitments import (
    PublicCommitment,
    draws_of,
    joint_commitment,
    picture_commitment,
)
from taggant.owner.controlled import judge, size_of
from taggant.owner.decision import Verdict
from taggant.owner.drand import check_signature, check_value
from taggant.owner.page import page
from taggant.owner.record import Targets
from taggant.owner.schema import SchemaError, parse, printable, to_json
from taggant.owner.split import sealed, split_secret

CLOSE = 1e-9
"""Relative difference that another machine's arithmetic makes of a probability."""


class MismatchError(ValueError):
    """Something in a certificate does not follow from the rest of it."""


@dataclass(frozen=True)
class Check:
    """One thing that was checked, and what was found wrong (empty: nothing)."""

    name: str
    wrong: str = ""

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return not self.wrong


@dataclass(frozen=True)
class Verified:
    """What was checked, up to the first thing found wrong.

    Attributes
    ----------
    checks : tuple of Check
    certificate : Certificate or None
        None if anything is wrong with it.
    """

    checks: tuple[Check, ...]
    certificate: Certificate | None

    @property
    def ok(self) -> bool:
        """Whether all holds."""
        return self.certificate is not None


def verify(
    content: bytes,
    html: bytes | None = None,
    public: Sequence[bytes] = (),
    beacon_values: Sequence[str] = (),
    beacon_signatures: Sequence[str] = (),
    classes: Sequence[str] | None = None,
) -> Verified:
    """Check a certificate by itself.

    Parameters
    ----------
    content : bytes
        The JSON file.
    html : bytes, optional
        The page beside it.
    public : sequence of bytes
        Public commitments, as they were timestamped: of all batches, or some.
    beacon_values : sequence of str
        What the beacons said, in the order of the batches, looked up by the verifier.
    beacon_signatures : sequence of str
        Of the beacons, likewise, where they are rounds of drand.
    classes : sequence of str, optional
        The model's, in the order that the verifier knows.
    """
    try:
        c = read_certificate(content)
    except ValueError as error:
        return Verified((Check("the file is whole", str(error)),), None)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("the openings fit the commitment", lambda: _commitment(c)),
        *([("the split follows", lambda: _split(c))] if c.terms.withhold else []),
        ("the published versions follow", lambda: _published(c)),
        ("the scores give the bits", lambda: _bits(c)),
        ("the labels are classes of the model", lambda: _targets(c)),
        ("the bits give the decision", lambda: _decision(c)),
    ]
    if html is not None:
        steps.append(("the page says the same", lambda: _page(c, html)))
    if public:
        steps.append(("the public commitment", lambda: _public(c, public)))
    if beacon_values:
        steps.append(("the beacon's value", lambda: _beacon(c, beacon_values)))
    if beacon_signatures:
        steps.append(("the beacon's signature", lambda: _signed(c, beacon_signatures)))
    if classes is not None:
        steps.append(("the classes are the model's", lambda: _classes(c, classes)))
    checks = [Check("the file is whole"), *run_checks(steps)]
    return Verified(tuple(checks), c if checks[-1].ok else None)


def run_checks(steps: list[tuple[str, Callable[[], None]]]) -> Iterator[Check]:
    """Take steps until one finds something wrong."""
    for name, step in steps:
        try:
            step()
        except ValueError as error:
            yield Check(name, printable(str(error)))
            return
        yield Check(name)


def read_certificate(content: bytes) -> Certificate:
    """A certificate as it was written.

    Raises
    ------
    ValueError
        If it is none, or any byte was changed without renewing its digest.
    """
    c = parse(Certificate, content)
    require(digest_of(c) == c.sha256, "its SHA-256 is another one: it was changed")
    require(to_json(c) == content, "it is not written as certificates are: it was changed")
    return c


def require(holds: bool, what: str) -> None:
    """Say what is wrong."""
    if not holds:
        raise MismatchError(what)


def _commitment(c: Certificate) -> None:
    require(
        joint_commitment([one.commitment for one in c.batches]) == c.commitment,
        "the seals (commitments to the pictures) give another one",
    )
    for number, member in enumerate(c.members):
        seal = sealed(member.picture, bytes.fromhex(member.split), member.group)
        require(seal == c.seals[number], f"members.{number}: another seal")
    pictures = [member.picture for member in c.members] or c.seals
    for opened in c.openings:
        own = Ledger(
            scheme=c.terms.scheme,
            secret=bytes.fromhex(opened.secret),
            nonce=bytes.fromhex(opened.nonce),
            n=c.terms.n,
            ids=(opened.id,),
            raw_sha256=(opened.raw_sha256,),
            published=(),
            derivation=c.batch_of(opened.seal).terms.derivation,
        )
        require(
            picture_commitment(own, opened.description) == pictures[opened.seal],
            f"seal {opened.seal} does not open",
        )


def _split(c: Certificate) -> None:
    """That the pictures opened as published are, and that each split secret is the picture's."""
    for opened in c.openings:
        own = split_secret(bytes.fromhex(opened.secret)).hex()
        require(own == c.members[opened.seal].split, f"seal {opened.seal}: another split secret")
    published = c.evidence.published
    for opened in c.opened:
        require(bool(published[opened.seal]), f"seal {opened.seal} was drawn to be withheld")


def _published(c: Certificate) -> None:
    for opened in c.opened:
        index = draws(c, opened).index()
        require(index == opened.published, f"version {opened.published} was not drawn")


def draws(c: Certificate, opened: Opening) -> Draws:
    """Index, reading order, tie keys and views of an opened picture."""
    own = c.batch_of(opened.seal)
    secret = bytes.fromhex(opened.secret)
    return draws_of(secret, own.terms, opened.id, own.commitment, own.value)


def _rows(c: Certificate) -> list[NDArray[np.bool_]]:
    rows = [picture.comparisons for picture in c.pictures]
    again = [(packed(bits), packed(doubtful)) for bits, doubtful in rows]
    require(again == [(p.bits, p.doubtful) for p in c.pictures], "bits beyond those read")
    return rows


def _bits(c: Certificate) -> None:
    for opened in c.opened:
        row = c.pictures[opened.seal].comparisons
        same = np.array_equal(opened.comparisons(draws(c, opened)), row)
        require(same, f"picture {opened.seal}: other bits")


def _targets(c: Certificate) -> None:
    targets = Targets(c)
    for opened in c.openings:
        targets.for_picture(opened)


def _decision(c: Certificate) -> None:
    rows = _rows(c)
    size = size_of(c.rule, c.terms.n)
    require(_near(size, c.size), f"the test's size is {size}")
    verdict = judge(c.rule, c.terms.n, c.evidence)
    _same_pictures(c, rows, verdict)
    require(_near(verdict.set_p, c.set_p), f"the set's p-value is {verdict.set_p}")
    opened = {one.seal for one in c.openings}
    closed = set(to_open(c.rule, verdict, c.evidence)) - opened
    require(not closed, f"seal {min(closed, default=0)}: claims rest on it, and it is not opened")


def _same_pictures(c: Certificate, rows: list[NDArray[np.bool_]], verdict: Verdict) -> None:
    for number, (stated, recomputed) in enumerate(
        zip(c.pictures, picture_results(rows, verdict), strict=True)
    ):
        for key, value in recomputed.plain().items():
            given = getattr(stated, key)
            same = _near(given, value) if isinstance(value, float) else given == value
            require(same, f"pictures.{number}.{key} = {given}: the test says {value}")


def _near(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=CLOSE)


def _page(c: Certificate, html: bytes) -> None:
    require(html == page(c).encode(), "it was changed")


def _public(c: Certificate, contents: Sequence[bytes]) -> None:
    seen: set[str] = set()
    for content in contents:
        try:
            public = parse(PublicCommitment, content)
        except SchemaError as error:
            raise MismatchError(f"it is no commitment of `taggant mark`: {error}") from None
        own = next((b.public for b in c.batches if b.commitment == public.commitment), None)
        if own is None:
            raise MismatchError("the public file has another commitment")
        for key in ("pictures", "beacon"):
            same = getattr(public, key) == getattr(own, key)
            require(same, f"the public file has another {key}")
        require(public.commitment not in seen, "one public file is given twice")
        seen.add(public.commitment)


def _beacon(c: Certificate, values: Sequence[str]) -> None:
    for value, (beacon, own) in _said(c, values):
        require(value == own, f"the certificate has {own!r} of {beacon}")
        check_value(beacon, value)


def _signed(c: Certificate, signatures: Sequence[str]) -> None:
    for signature, (beacon, value) in _said(c, signatures):
        check_signature(beacon, value, signature)


def _said(c: Certificate, given: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """What is given of each beacon, with its name and the value in the certificate."""
    require(bool(c.beacons), "the commitment names no beacon")
    named = ", ".join(c.beacons)
    require(len(given) == len(c.beacons), f"{len(given)} given, of {len(c.beacons)}: {named}")
    return zip(given, c.beacons.items(), strict=True)


def _classes(c: Certificate, names: Sequence[str]) -> None:
    same = c.model.classes in ((), tuple(names))  # none where the score needs no labels
    require(same, f"the certificate has {', '.join(c.model.classes)}")
