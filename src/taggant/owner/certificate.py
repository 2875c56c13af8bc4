"""One JSON file that a third party can check without trusting the owner or this software's author.

It opens the commitments to the claimed pictures only. `taggant.owner.certify` makes it of an
audit; what follows from something else in it is recomputed by `taggant.owner.verify`, and what does
not is listed by `taggant.owner.unchecked`, which the page (`taggant.owner.page`) shows as well.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from taggant.canonical import canonical_json
from taggant.owner.commitments import (
    MOST_BATCHES,
    Derivation,
    PictureDescription,
    PublicCommitment,
    Terms,
    folder_commitment,
    public_commitment,
    split_of,
)
from taggant.owner.components.device import RecordedDevice
from taggant.owner.controlled import Evidence
from taggant.owner.record import AuditSetup, PictureScores
from taggant.owner.schema import (
    LARGEST_N,
    MOST_PICTURES,
    Bits,
    Count,
    Hex32,
    Line,
    NonEmptyLine,
    Probability,
    Schema,
    Timestamp,
)
from taggant.owner.split import Group, Split, joined_split

SchemaName = Literal["taggant certificate 5"]
SCHEMA: SchemaName = "taggant certificate 5"
Version = Annotated[int, Field(ge=0, lt=LARGEST_N)]


class PictureResult(Schema):
    """What is said of every picture, opened or not.

    Attributes
    ----------
    bits : str
        Exceedances in reading order, packed.
    doubtful : str
        Comparisons that decide nothing, likewise (`taggant.auditing.comparison`).
    read, exceedances : int
        Hidden versions read until the test stopped, and those that beat the published one.
    p_value, adjusted : float
        Exact, and the smallest q at which the picture would be claimed.
    claim : bool
    taken : bool
        It would be claimed if doubtful comparisons counted; it is not.
    """

    bits: Bits
    doubtful: Bits
    read: Version
    exceedances: Version
    p_value: Probability
    adjusted: Probability
    claim: bool
    taken: bool

    @model_validator(mode="after")
    def _fits(self) -> PictureResult:
        for key in ("bits", "doubtful"):
            digits = len(getattr(self, key))
            if digits != 2 * -(-self.read // 8):
                raise ValueError(f"{key} = {digits} digits: they are not of {self.read} reads")
        return self

    @property
    def comparisons(self) -> NDArray[np.bool_]:
        """Exceedances and doubtful comparisons, bool [2, read]."""
        return np.stack([unpacked(text, self.read) for text in (self.bits, self.doubtful)])


def packed(row: NDArray[np.bool_]) -> str:
    """Bits as they stand in a certificate."""
    return np.packbits(row).tobytes().hex()


def unpacked(text: str, read: int) -> NDArray[np.bool_]:
    """The first `read` of them."""
    octets = np.frombuffer(bytes.fromhex(text), np.uint8)
    return np.unpackbits(octets, count=read).astype(bool)


class Opening(PictureDescription):
    """The opening of the commitment to one picture.

    Attributes
    ----------
    seal : int
        Its number among the commitments.
    secret, nonce : str
    """

    seal: Annotated[int, Field(ge=0, lt=MOST_PICTURES)]
    secret: Hex32
    nonce: Hex32


class OpenedPicture(PictureScores, Opening):
    """With the scores of its versions.

    Attributes
    ----------
    published : int
        Index of the published version.
    published_sha256 : str
        SHA-256 of its pixels.
    """

    published: Version
    published_sha256: Hex32


class Member(Schema):
    """A picture's place in the split, opened for all pictures; it says nothing else of them.

    Attributes
    ----------
    picture : str
        Commitment to the picture itself; with the others it gives the seal.
    group : int
        Within which it is compared.
    split : str
        Split secret, from which follows whether it is withheld.
    score : float or None
        Of the whole picture, where it was asked for.
    """

    picture: Hex32
    group: Group
    split: Hex32
    score: float | None


class FurtherBatch(Schema):
    """A batch of pictures after the first: what it has of its own.

    Attributes
    ----------
    pictures : int
        How many of the seals are its, after those of the batches before.
    beacon, derivation
        Of its terms; the others are those of the first batch.
    value, made
        As of the first batch.
    """

    pictures: Annotated[int, Field(ge=1, le=MOST_PICTURES)]
    beacon: Line
    derivation: Derivation
    value: Line
    made: RecordedDevice


@dataclass(frozen=True)
class CertifiedBatch:
    """A batch of a certificate.

    Attributes
    ----------
    seals : tuple of str
        Of its pictures.
    terms, value, made
        What it was committed to by, what its beacon said, and where it was marked.
    """

    seals: tuple[str, ...]
    terms: Terms
    value: str
    made: RecordedDevice

    @cached_property
    def commitment(self) -> str:
        """Its public commitment, 64 hex digits."""
        return folder_commitment(self.terms, self.seals)

    @property
    def public(self) -> PublicCommitment:
        """What was made public of it."""
        return public_commitment(self.terms, self.commitment, len(self.seals))


class Certificate(AuditSetup):
    """What an audit proves, and to be checked by.

    `terms`, `value` and `made` are of the first batch, and of all pictures where there is no
    further one; of several, `commitment` is the digest of theirs.

    Where pictures are withheld it has `members`, one a seal; and `shown`, openings of those whose
    versions were not compared: withheld ones, and claimed ones where no versions were asked. Both
    are not written where there are none, nor is `further`.
    """

    schema_: Annotated[SchemaName, Field(alias="schema")]
    created: Timestamp
    terms: Terms
    value: Line
    made: RecordedDevice
    seals: Annotated[tuple[Hex32, ...], Field(min_length=1, max_length=MOST_PICTURES), FailFast()]
    size: Probability
    pictures: Annotated[tuple[PictureResult, ...], Field(max_length=MOST_PICTURES), FailFast()]
    set_p: Probability
    opened: Annotated[tuple[OpenedPicture, ...], Field(max_length=MOST_PICTURES), FailFast()]
    members: Annotated[tuple[Member, ...], Field(max_length=MOST_PICTURES), FailFast()] = ()
    shown: Annotated[tuple[Opening, ...], Field(max_length=MOST_PICTURES), FailFast()] = ()
    further: Annotated[
        tuple[FurtherBatch, ...], Field(max_length=MOST_BATCHES - 1), FailFast()
    ] = ()
    queries: Count
    software: NonEmptyLine
    sha256: Hex32

    @property
    def openings(self) -> tuple[Opening, ...]:
        """Of all opened pictures."""
        return (*self.opened, *self.shown)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Number of each batch's first seal."""
        counts = [one.pictures for one in self.further]
        first = len(self.seals) - sum(counts)
        return (0, *accumulate(counts[:-1], initial=first)) if counts else (0,)

    @cached_property
    def batches(self) -> tuple[CertifiedBatch, ...]:
        """The batches that were audited."""
        ends = (*self.starts[1:], len(self.seals))
        seals = [self.seals[start:end] for start, end in zip(self.starts, ends, strict=True)]
        others = [
            CertifiedBatch(
                own,
                self.terms.replace(beacon=one.beacon, derivation=one.derivation),
                one.value,
                one.made,
            )
            for own, one in zip(seals[1:], self.further, strict=True)
        ]
        return (CertifiedBatch(seals[0], self.terms, self.value, self.made), *others)

    @property
    def beacons(self) -> dict[str, str]:
        """What each beacon said, in the order of the batches."""
        return {one.terms.beacon: one.value for one in self.batches if one.terms.beacon}

    def batch_of(self, seal: int) -> CertifiedBatch:
        """The batch of a picture."""
        return self.batches[bisect_right(self.starts, seal) - 1]

    @cached_property
    def split(self) -> Split | None:
        """Which pictures are withheld; None where all are published."""
        return joined_split([self._split_of(k) for k in range(len(self.batches))])

    def _split_of(self, number: int) -> Split | None:
        own, start = self.batches[number], self.starts[number]
        members = self.members[start : start + len(own.seals)]
        secrets = [bytes.fromhex(one.split) for one in members]
        groups = [one.group for one in members]
        return split_of(own.terms, secrets, groups, own.commitment, own.value)

    @property
    def evidence(self) -> Evidence:
        """What the claims are made of."""
        rows = [picture.comparisons for picture in self.pictures]
        scores = np.array([one.score for one in self.members], float) if self.asked else None
        return Evidence(rows, self.split, scores)

    @property
    def asked(self) -> bool:
        """Whether whole pictures were asked for."""
        return self.rule.by_withheld

    @property
    def published(self) -> int:
        """How many pictures are published."""
        return int(self.evidence.published.sum())

    @model_validator(mode="after")
    def _fits(self) -> Certificate:
        for wrong in self._misfits():
            raise ValueError(wrong)
        return self

    def _misfits(self) -> Iterator[str]:
        n = self.terms.n
        if len(self.pictures) != len(self.seals):
            yield f"pictures = [...] of {len(self.pictures)}: there are {len(self.seals)} seals"
        if len(set(self.seals)) != len(self.seals):
            yield "seals: one occurs twice"
        yield from self._misfits_of_batches()
        for number, picture in enumerate(self.pictures):
            if picture.read >= n:
                yield f"pictures.{number}.read = {picture.read}: there are {n} versions"
        least = self.score.views * self._versions_asked
        if self.queries < least:
            yield f"queries = {self.queries}: the versions read took {least} at least"
        yield from self._misfits_of_members()
        yield from self._misfits_of_openings(n)

    def _misfits_of_batches(self) -> Iterator[str]:
        said: dict[str, str] = {}
        if sum(one.pictures for one in self.further) >= len(self.seals):
            yield f"further: their pictures are more than the {len(self.seals)} seals"
            return
        for number, one in enumerate(self.batches):
            key = f"further.{number - 1}.value" if number else "value"
            beacon = one.terms.beacon
            if bool(beacon) != bool(one.value):
                yield f"{key} = {one.value!r}: the beacon is {beacon!r}"
            if said.setdefault(beacon, one.value) != one.value:
                yield f"{key} = {one.value!r}: {beacon!r} said {said[beacon]!r} before"

    @property
    def _versions_asked(self) -> int:
        """At least so many."""
        whole = len(self.members) * min(self.rule.asked or 0, self.terms.n)
        return whole + sum(1 + one.read for one in self.pictures if one.read)

    def _misfits_of_members(self) -> Iterator[str]:
        expected = len(self.seals) if self.terms.withhold is not None else 0
        if len(self.members) != expected:
            yield f"members = [...] of {len(self.members)}: accepted are {expected}"
        for number, member in enumerate(self.members):
            if (member.score is not None) != self.asked:
                yield f"members.{number}.score = {member.score}: the test is {self.rule.test}"
        if self.asked and not self.members:
            yield f"rule.test = {self.rule.test}: no pictures are withheld"
        if {one.seal for one in self.opened} & {one.seal for one in self.shown}:
            yield "shown: a picture is opened twice"
        if self.shown and not self.asked:
            yield f"shown = [...] of {len(self.shown)}: the test is {self.rule.test}"
        if self.opened and not self.rule.by_versions:
            yield f"opened = [...] of {len(self.opened)}: the test is {self.rule.test}"

    def _misfits_of_openings(self, n: int) -> Iterator[str]:
        for name, openings in (("opened", self.opened), ("shown", self.shown)):
            before = -1
            for number, opening in enumerate(openings):
                if not before < opening.seal < len(self.seals):
                    where = f"{name}.{number}.seal = {opening.seal}"
                    yield f"{where}: twice, in disorder, or there is none"
                before = opening.seal
        if len({one.id for one in self.openings}) < len(self.openings):
            yield "opened: two pictures have one id"
        for number, opened in enumerate(self.opened):
            key = f"opened.{number}"
            if opened.published >= n:
                yield f"{key}.published = {opened.published}: there are {n} versions"
            read = self.pictures[min(opened.seal, len(self.pictures) - 1)].read
            if len(opened.scores) != 1 + read:
                yield f"{key}.scores = [...] of {len(opened.scores)}: {read} versions were read"


def digest_of(certificate: Certificate) -> str:
    """SHA-256 of everything but the digest itself."""
    rest = {key: value for key, value in certificate.plain().items() if key != "sha256"}
    return hashlib.sha256(canonical_json(rest)).hexdigest()
