"""One JSON file that a third party can check without trusting the owner or this software's author.

It opens the commitments to the claimed pictures only. `taggant.owner.certify` makes it of an
audit; what follows from something else in it is recomputed by `taggant.owner.verify`, and what does
not is listed by `unchecked`, which the page shows as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Literal

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from taggant.canonical import canonical_json
from taggant.owner.commitments import PictureDescription, Terms
from taggant.owner.components.device import RecordedDevice
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


class OpenedPicture(PictureScores, PictureDescription):
    """The opening of the commitment to one picture, and the scores of its versions.

    Attributes
    ----------
    seal : int
        Its number among the commitments.
    secret, nonce : str
    published : int
        Index of the published version.
    published_sha256 : str
        SHA-256 of its pixels.
    """

    seal: Annotated[int, Field(ge=0, lt=MOST_PICTURES)]
    secret: Hex32
    nonce: Hex32
    published: Version
    published_sha256: Hex32


class Certificate(AuditSetup):
    """What an audit proves, and to be checked by."""

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
    queries: Count
    software: NonEmptyLine
    sha256: Hex32

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
        if bool(self.terms.beacon) != bool(self.value):
            yield f"value = {self.value!r}: the beacon is {self.terms.beacon!r}"
        for number, picture in enumerate(self.pictures):
            if picture.read >= n:
                yield f"pictures.{number}.read = {picture.read}: there are {n} versions"
        least = self.score.views * sum(1 + picture.read for picture in self.pictures)
        if self.queries < least:
            yield f"queries = {self.queries}: the versions read took {least} at least"
        yield from self._misfits_of_openings(n)

    def _misfits_of_openings(self, n: int) -> Iterator[str]:
        before = -1
        for number, opened in enumerate(self.opened):
            key = f"opened.{number}"
            if not before < opened.seal < len(self.seals):
                yield f"{key}.seal = {opened.seal}: twice, in disorder, or there is none"
            before = opened.seal
            if opened.published >= n:
                yield f"{key}.published = {opened.published}: there are {n} versions"
            read = self.pictures[opened.seal].read
            if len(opened.scores) != 1 + read:
                yield f"{key}.scores = [...] of {len(opened.scores)}: {read} versions were read"


def digest_of(certificate: Certificate) -> str:
    """SHA-256 of everything but the digest itself."""
    rest = {key: value for key, value in certificate.plain().items() if key != "sha256"}
    return hashlib.sha256(canonical_json(rest)).hexdigest()


# --- what is not checked -----------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What a verifier has beside the certificate.

    Attributes
    ----------
    page, public, beacon, model, classes : bool
        The page beside it, the public commitment, the beacon's value as looked up, the model with
        the raw pictures, and the names of its classes.
    """

    page: bool = False
    public: bool = False
    beacon: bool = False
    model: bool = False
    classes: bool = False


@dataclass(frozen=True)
class Note:
    """What has to be believed, and the fields of the certificate that say it."""

    text: str
    fields: tuple[str, ...] = ()


SAID = (
    Note("the dates, the number of queries and the versions of software", (
        "created", "queries", "software", "made.torch", "made.name",
    )),
    Note("that the address or file asked is the model meant", ("model.spec",)),
    Note("how many models, scores, tests and commitments the owner tried"),
    Note("who owns the pictures, and whether their use was allowed"),
)  # fmt: skip
"""Never checked."""


def unchecked(c: Certificate, given: Given) -> tuple[Note, ...]:
    """What a certificate that was found right still asks one to believe."""
    notes = list(SAID)
    if not given.page:
        notes.append(Note("the page for people: there is none beside it, NAME.html"))
    if not given.public:
        notes.append(Note("that the commitment was made public before the model (--commitment)"))
    if c.terms.beacon and not given.beacon:
        notes.append(Note(f"that {c.terms.beacon} said {c.value} (--beacon-value)", ("value",)))
    if not c.terms.beacon:
        notes.append(
            Note(
                "that the owner drew the published versions at random, and chose labels and "
                "captions without looking at them: no public beacon was named"
            )
        )
    closed = len(c.seals) - len(c.opened)
    if closed:
        notes.append(
            Note(
                f"the answers for {closed} pictures that are not opened, on which the p-value of "
                "the set rests (the claims do not)"
            )
        )
    if c.transform:
        notes.append(
            Note(f"that a platform did {c.transform} to the published files", ("transform",))
        )
    if c.model.classes and not given.classes:
        notes.append(
            Note(
                "that these are the model's classes, in this order (--classes)", ("model.classes",)
            )
        )
    return tuple(notes) if given.model else (*notes, *_of_the_model(c))


def _of_the_model(c: Certificate) -> Iterator[Note]:
    fields = ["model.fingerprint", "score", "made.device", "made.threads"]
    fields += ["opened.scores", "opened.again", "opened.published_sha256"] if c.opened else []
    yield Note(
        "that the model gives these scores, by this score, of versions whose pixels"
        " are those published (--model)",
        tuple(fields),
    )
    if any(opened.grid for opened in c.opened):
        yield Note("the rounding grid of the scores (--model)", ("opened.grid",))
    if c.terms.network is not None:
        yield Note("that the marker's network has the weights committed to (--model)")


# --- the page ----------------------------------------------------------------------------------


def page(certificate: Certificate) -> str:
    """The certificate for people: says what is proved and what is not."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    template = files("taggant.owner").joinpath("certificate.html").read_text(encoding="utf-8")
    rows = [(opened, certificate.pictures[opened.seal]) for opened in certificate.opened]
    claimed = [(opened, picture) for opened, picture in rows if picture.claim]
    notes = [note.text for note in unchecked(certificate, Given(page=True))]
    taken = sum(picture.taken for picture in certificate.pictures)
    return environment.from_string(template).render(
        c=certificate, claimed=claimed, taken=taken, notes=notes
    )
