"""A secret of its own for every picture, and commitments that can be opened one by one.

Each picture has a ledger of its own, drawn from the owner's key: opening one says nothing of the
others. The commitment to a folder is the SHA-256 of the list of the pictures' commitments, so a
certificate opens those of the claimed pictures and shows the others closed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from taggant.canonical import canonical_json
from taggant.marking.draws import DERIVATION, Draws
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme
from taggant.marking.stream import tagged
from taggant.owner.components.marking import Marking
from taggant.owner.jpeg import JPEG, JpegSettings
from taggant.owner.pictures import format_of
from taggant.owner.schema import (
    MOST_PICTURES,
    Caption,
    ContentId,
    GrownSchema,
    Hex32,
    Label,
    Line,
    NonEmptyLine,
    RelativeName,
    Schema,
)
from taggant.owner.split import Split, Withholding

SCHEMA = "taggant commitment 4"
JOINT_SCHEMA = "taggant commitments of batches 1"
MOST_BATCHES = 2_000
"""In a ledger, or a certificate: one a week for a working life."""


Derivation = Literal[1, 2]
"""By which rule things are drawn of a secret; see `taggant.marking.draws`."""


class MarkerNetwork(Schema):
    """The network that a marking looks through, where it needs one."""

    marker: NonEmptyLine
    weights: ContentId


class Terms(GrownSchema):
    """What a commitment says openly.

    Attributes
    ----------
    marking : Marking
    network : MarkerNetwork or None
    format : str
        In which format files are published, but for those that say another one
        (`PictureDescription`); raw: copied as they are.
    quality : int
        Of published JPEG files that have none of their own (`PictureDescription`).
    beacon : str
        Which public random value will choose the published versions ("drand quicknet round
        9123456", say); empty where the owner's own secret does.
    derivation : int
        By which rule index, reading order, tie keys, views and marks follow from a picture's
        secret.
    withhold : Withholding or None
        Which pictures are withheld; None, and not written, where all are published.
    spares_clear : bool
        Whether fully transparent pixels keep their colours; where it is not written they were
        marked like all others.
    """

    marking: Marking
    network: MarkerNetwork | None
    format: Literal["keep", "png", "jpeg", "webp", "tiff", "raw"]
    quality: Annotated[int, Field(ge=1, le=100)]
    beacon: Line
    derivation: Derivation
    withhold: Withholding | None = None
    spares_clear: bool = False

    @classmethod
    def from_marking(
        cls,
        marking: Marking,
        scheme: Scheme,
        file_format: str,
        quality: int,
        beacon: str,
        withhold: Withholding | None = None,
    ) -> Terms:
        """Terms of a marking as it is made here, with the weights found here."""
        parameters = scheme.parameters()
        network = {key: parameters[key] for key in MarkerNetwork.model_fields if key in parameters}
        return cls.from_values(
            marking=marking,
            network=MarkerNetwork.from_values(**network) if network else None,
            format=file_format,
            quality=quality,
            beacon=beacon,
            derivation=DERIVATION,
            withhold=withhold,
            spares_clear=True,
        )

    def same_but_for_the_draw(self, other: Terms) -> bool:
        """Whether pictures under both can be audited together: all is the same but the beacon,
        and the rule by which things are drawn."""
        return self.replace(beacon=other.beacon, derivation=other.derivation) == other

    @property
    def n(self) -> int:
        """Versions per picture."""
        return self.marking.n

    def format_of(self, picture: PictureDescription) -> str:
        """In which format a picture's file is published: png, webp, tiff, jpeg or raw."""
        return format_of(picture.name, picture.format or self.format)

    def jpeg_of(self, picture: PictureDescription) -> JpegSettings | None:
        """What a picture's published file is compressed with; None for all of its pixels."""
        if self.format_of(picture) != JPEG:
            return None
        return picture.jpeg or JpegSettings.from_values(quality=self.quality)

    @property
    def scheme(self) -> dict[str, Any]:
        """Parameters of the marking scheme, as the scheme itself says them."""
        network = {} if self.network is None else self.network.plain()
        return {**self.marking.parameters, **network}


What = Literal["commitment to marked pictures (taggant)"]
WHAT: What = "commitment to marked pictures (taggant)"


class PublicCommitment(Schema):
    """The file that is made public, and timestamped."""

    what: What
    commitment: Hex32
    pictures: Annotated[int, Field(ge=1, le=MOST_PICTURES)]
    beacon: Line


def public_commitment(terms: Terms, commitment: str, pictures: int) -> PublicCommitment:
    """What is made public of so many pictures under a commitment."""
    return PublicCommitment.from_values(
        what=WHAT, commitment=commitment, pictures=pictures, beacon=terms.beacon
    )


class PictureDescription(GrownSchema):
    """What is committed to of a picture beside its secret, and no longer the owner's to choose.

    Attributes
    ----------
    id : str
        Content id. Whoever could change it later would choose index, order and ties by it.
    raw_sha256 : str
        SHA-256 of the raw pixels.
    name : str
        Of the raw file, relative to its folder; the first of those with these pixels.
    label, caption : str
        What a model's answers are compared with; empty if there is none. Chosen after the scores
        were seen, they would claim what was not used.
    jpeg : JpegSettings or None
        How its published file is compressed, where files are JPEG and each keeps its own quality.
    format : {"png"} or None
        In which format its file is published, where that is another one than its folder's: of a
        transparent picture among JPEG files.
    """

    id: ContentId
    raw_sha256: Hex32
    name: RelativeName
    label: Label
    caption: Caption
    jpeg: JpegSettings | None = None
    format: Literal["png"] | None = None

    @property
    def description(self) -> PictureDescription:
        """The description alone, of an object that holds more."""
        return PictureDescription.from_values(
            **{key: getattr(self, key) for key in PictureDescription.model_fields}
        )


def picture_commitment(ledger: Ledger, described: PictureDescription) -> str:
    """Commitment to one picture: its secret, and what describes it.

    The published index is left out: like reading order, tie keys and views it follows from secret
    and id, and from the beacon if any.
    """
    body = {
        "described": described.plain(),
        "ledger": replace(ledger, published=()).commitment(),  # blinded by the picture's nonce
    }
    return hashlib.sha256(canonical_json(body)).hexdigest()


def folder_commitment(terms: Terms, pictures: Sequence[str]) -> str:
    """Public commitment to a folder, 64 hex digits, from the commitments to its pictures."""
    body = {"schema": SCHEMA, "terms": terms.plain(), "seals": list(pictures)}
    return hashlib.sha256(canonical_json(body)).hexdigest()


def joint_commitment(commitments: Sequence[str]) -> str:
    """Commitment to several batches, 64 hex digits, from those to each; of one, that itself.

    It is made public nowhere: it names what an audit is of.
    """
    if len(commitments) == 1:
        return commitments[0]
    body = {"schema": JOINT_SCHEMA, "batches": list(commitments)}
    return hashlib.sha256(canonical_json(body)).hexdigest()


def picture_ledger(key: bytes, terms: Terms, described: PictureDescription) -> Ledger:
    """One picture's ledger: a secret, a nonce and an index that no other picture shares."""
    context = f"picture/{described.id}"
    ids, digests = [described.id], [described.raw_sha256]
    rule = terms.derivation
    return Ledger.draw(key, context, terms.scheme, terms.n, ids, digests, derivation=rule)


def draws_of(secret: bytes, terms: Terms, image_id: str, root: str, value: str) -> Draws:
    """What is drawn for a picture: from its secret, and the beacon's value where one is named.

    With a beacon, all of it is a pseudo-random function of the commitment and a value that nobody
    knew when the commitment was made: the owner cannot have chosen it.

    Parameters
    ----------
    secret : bytes
        The picture's own.
    root : str
        The folder's commitment.
    value : str
        The beacon's value; empty without one.
    """
    own = tagged(secret, terms.derivation)
    return Draws(own, f"{root}/{value}/{image_id}" if terms.beacon else image_id, terms.n)


def split_of(
    terms: Terms, secrets: Sequence[bytes], groups: Sequence[int], root: str, value: str
) -> Split | None:
    """Which pictures are withheld, from their split secrets and the beacon's value if any.

    None where all are published. Parameters as of `Split` and `draws_of`.
    """
    if terms.withhold is None:
        return None
    where = f"{root}/{value}" if terms.beacon else ""
    return Split(terms.withhold, secrets, groups, [where] * len(secrets))
