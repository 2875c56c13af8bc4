"""One batch of an owner's pictures: marked at one time, under a commitment of its own."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field

from taggant.marking.draws import Draws
from taggant.marking.ledger import Ledger
from taggant.marking.scheme import Scheme
from taggant.marking.stream import KEY_BYTES
from taggant.owner import drand
from taggant.owner.commitments import (
    PictureDescription,
    PublicCommitment,
    Terms,
    draws_of,
    folder_commitment,
    picture_commitment,
    picture_ledger,
    public_commitment,
    split_of,
)
from taggant.owner.components.device import RecordedDevice
from taggant.owner.components.marking import Marking
from taggant.owner.likeness import Likeness
from taggant.owner.schema import (
    MOST_PICTURES,
    Hex32,
    Line,
    RelativeName,
    Schema,
)
from taggant.owner.split import Group, Split, Withholding, sealed, split_secret


class Entry(PictureDescription):
    """One picture file.

    Attributes
    ----------
    published : str
        Name of the published file, relative to its folder.
    pixels : str
        SHA-256 of the published pixels; None until they are published, and where they never are.
    group : int or None
        In which it may be withheld; None, and not written, where no picture is.
    likeness : str or None
        By which copies of the raw picture are found (`taggant.owner.likeness`); None, and not
        written, of pictures that were marked before there was one.
    """

    published: RelativeName
    pixels: Hex32 | None
    group: Group | None = None
    likeness: Likeness | None = None

    @property
    def found(self) -> Entry:
        """As it is found in a folder: without what is known of it otherwise."""
        return self.replace(pixels=None, label="", caption="", group=None, likeness=None)


class BatchFile(Schema):
    """A batch as it is written."""

    key: Hex32
    terms: Terms
    value: Line
    made: RecordedDevice
    commitment: Hex32
    entries: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=MOST_PICTURES), FailFast()]


@dataclass(frozen=True, repr=False)
class Batch:
    """Pictures of one commitment. Whoever has it can tell published from hidden versions.

    Attributes
    ----------
    key : bytes
        32 random bytes; every picture's secret follows from it.
    terms : Terms
        Its marking, and what else the commitment says openly.
    entries : tuple of Entry
    value : str
        The beacon's value; empty while it is awaited, or without a beacon.
    made : RecordedDevice
        Where they were marked.
    """

    key: bytes
    terms: Terms
    entries: tuple[Entry, ...]
    value: str = ""
    made: RecordedDevice = field(default_factory=RecordedDevice.here)

    def __repr__(self) -> str:
        return f"Batch({len(self.entries)} pictures, n={self.terms.n}, secrets withheld)"

    @classmethod
    def draw(
        cls,
        marking: Marking,
        entries: Sequence[Entry],
        beacon: str = "",
        file_format: str = "keep",
        quality: int = 95,
        withhold: Withholding | None = None,
    ) -> Batch:
        """A batch with a fresh key; with `withhold`, the entries have groups."""
        scheme = marking.build()
        terms = Terms.from_marking(marking, scheme, file_format, quality, beacon, withhold)
        return cls(secrets.token_bytes(KEY_BYTES), terms, tuple(entries))

    @cached_property
    def scheme(self) -> Scheme:
        """The marking scheme."""
        made: Scheme = self.terms.marking.build()
        if dict(made.parameters()) != self.terms.scheme:
            raise ValueError(
                "the ledger's scheme has other parameters here than where it was made (another "
                "marker network?); hidden versions cannot be made"
            )
        return made

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The first file of each picture, by id, in the order of the commitments."""
        first: dict[str, Entry] = {}
        for entry in sorted(self.entries, key=lambda entry: entry.name):
            first.setdefault(entry.id, entry)
        return {i: first[i] for i in sorted(first)}

    @cached_property
    def pictures(self) -> dict[str, Ledger]:
        """Each picture's own ledger, by id."""
        return {i: picture_ledger(self.key, self.terms, one) for i, one in self.files.items()}

    @cached_property
    def picture_commitments(self) -> tuple[str, ...]:
        """Commitments to the pictures themselves, one by one."""
        return tuple(
            picture_commitment(self.pictures[i], one.description) for i, one in self.files.items()
        )

    @cached_property
    def seals(self) -> tuple[str, ...]:
        """What the batch's commitment is made of: pictures, and their places in the split."""
        if self.terms.withhold is None:
            return self.picture_commitments
        splits = zip(self.picture_commitments, *self._splits, strict=True)
        return tuple(sealed(picture, secret, group) for picture, secret, group in splits)

    @property
    def _splits(self) -> tuple[list[bytes], list[int]]:
        """Split secrets and groups, in the order of the commitments."""
        secrets_ = [split_secret(one.secret) for one in self.pictures.values()]
        return secrets_, [one.group or 0 for one in self.files.values()]

    @cached_property
    def split(self) -> Split | None:
        """Which pictures are withheld; None where all are published.

        Raises
        ------
        ValueError
            While a beacon is awaited.
        """
        self._check_value()
        return split_of(self.terms, *self._splits, self.commitment, self.value)

    @cached_property
    def withheld(self) -> frozenset[str]:
        """Ids of the withheld pictures."""
        if self.split is None:
            return frozenset()
        return frozenset(i for i, kept in zip(self.files, self.split.withheld, strict=True) if kept)

    @property
    def shown(self) -> tuple[str, ...]:
        """Ids of the published pictures, in the order of the commitments."""
        return tuple(i for i in self.files if i not in self.withheld)

    @cached_property
    def commitment(self) -> str:
        """The public commitment, 64 hex digits."""
        return folder_commitment(self.terms, self.seals)

    @property
    def public(self) -> PublicCommitment:
        """What is made public of it."""
        return public_commitment(self.terms, self.commitment, len(self.seals))

    @property
    def awaits_beacon(self) -> bool:
        """Whether the published versions are not chosen yet."""
        return bool(self.terms.beacon) and not self.value

    def draws(self, image_id: str) -> Draws:
        """What is drawn for a picture: published index, reading order, tie keys and views."""
        self._check_value()
        secret = self.pictures[image_id].secret
        return draws_of(secret, self.terms, image_id, self.commitment, self.value)

    def _check_value(self) -> None:
        if self.awaits_beacon:
            raise ValueError(
                f"what is published follows from the value of {self.terms.beacon!r}; give it with "
                "--beacon-value"
            )

    def index(self, image_id: str) -> int:
        """Published index J of a picture."""
        return self.draws(image_id).index()

    def indices(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Published index J of each picture."""
        return np.array([self.index(image_id) for image_id in ids], dtype=np.int64)

    def with_value(self, value: str) -> Batch:
        """The batch once the beacon has spoken.

        Raises
        ------
        ValueError
            If no beacon was named when the commitment was made, or it said something else before.
        """
        if not self.terms.beacon:
            raise ValueError("the commitment names no beacon: its value cannot be used now")
        if self.value not in ("", value):
            raise ValueError(f"the ledger already holds the beacon value {self.value!r}")
        if not self.value:
            drand.check_value(self.terms.beacon, value)
        return replace(self, value=value)

    @property
    def unpublished(self) -> tuple[Entry, ...]:
        """Files that have no published version yet and get one."""
        return tuple(e for e in self.entries if e.pixels is None and e.id not in self.withheld)

    def written(self) -> dict[str, object]:
        """The fields of `BatchFile`."""
        return {
            "key": self.key.hex(),
            "terms": self.terms,
            "value": self.value,
            "made": self.made,
            "commitment": self.commitment,
            "entries": self.entries,
        }

    @classmethod
    def read(cls, stored: BatchFile) -> Batch:
        """What `written` came from; its commitment is not looked at."""
        key = bytes.fromhex(stored.key)
        return cls(key, stored.terms, stored.entries, stored.value, stored.made)
