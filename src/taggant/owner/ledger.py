"""The owner's file about her pictures: the one secret thing, and everything needed to audit later.

It holds one batch of pictures, or several that were marked one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field

from taggant.files import write_atomically
from taggant.marking.draws import Draws
from taggant.marking.ledger import read_private
from taggant.marking.scheme import Scheme
from taggant.owner.batch import Batch, BatchFile, Entry
from taggant.owner.commitments import MOST_BATCHES, Terms, joint_commitment
from taggant.owner.schema import OWN_FILES, GrownSchema, SchemaError, parse, to_json
from taggant.owner.split import Split, joined_split

SchemaName = Literal["taggant owner ledger 3"]
SCHEMA: SchemaName = "taggant owner ledger 3"


class LedgerFile(GrownSchema, BatchFile):
    """A ledger as it is written: its first batch, and the further ones if any."""

    size_factor: ClassVar[int] = OWN_FILES
    schema_: Annotated[SchemaName, Field(alias="schema")]
    further: Annotated[tuple[BatchFile, ...], Field(max_length=MOST_BATCHES - 1), FailFast()] = ()


@dataclass(frozen=True, repr=False)
class FolderLedger:
    """What the owner keeps. Whoever has it can tell published from hidden versions.

    Attributes
    ----------
    batches : tuple of Batch
        One or more. Their terms differ in beacon and derivation alone, and no picture is in two.
    """

    batches: tuple[Batch, ...]

    def __repr__(self) -> str:
        return (
            f"FolderLedger({len(self.entries)} pictures in {len(self.batches)} batches, "
            f"n={self.terms.n}, secrets withheld)"
        )

    def of_batches(self, numbers: Sequence[int]) -> FolderLedger:
        """The ledger with some of its batches, counted from 1, in their order.

        Raises
        ------
        ValueError
            If one is not there.
        """
        count = len(self.batches)
        for number in numbers:
            if not 1 <= number <= count:
                raise ValueError(f"batch {number}: accepted are 1 to {count}")
        return FolderLedger(tuple(self.batches[k - 1] for k in sorted(set(numbers))))

    def with_batch(self, number: int, batch: Batch) -> FolderLedger:
        """The ledger with one of its batches, counted from 1, in a later state."""
        return FolderLedger((*self.batches[: number - 1], batch, *self.batches[number:]))

    def audited_by(self, ids: Iterable[str]) -> FolderLedger:
        """The ledger with the batches that hold any of these pictures; all, if none does."""
        numbers = {self.number_of[image_id] for image_id in ids if image_id in self.number_of}
        return self.of_batches(sorted(numbers)) if numbers else self

    @property
    def terms(self) -> Terms:
        """What the first batch's commitment says openly."""
        return self.batches[0].terms

    @property
    def key(self) -> bytes:
        """The first batch's."""
        return self.batches[0].key

    @property
    def scheme(self) -> Scheme:
        """The marking scheme."""
        return self.batches[0].scheme

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All files."""
        return tuple(chain.from_iterable(one.entries for one in self.batches))

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The first file of each picture, by id, in the order of the commitments."""
        return {i: entry for one in self.batches for i, entry in one.files.items()}

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Each picture's batch, counted from 1, by id."""
        return {i: k for k, one in enumerate(self.batches, 1) for i in one.files}

    def batch_of(self, image_id: str) -> Batch:
        """The batch of a picture."""
        return self.batches[self.number_of[image_id] - 1]

    @cached_property
    def picture_commitments(self) -> tuple[str, ...]:
        """Commitments to the pictures themselves, one by one."""
        return tuple(chain.from_iterable(one.picture_commitments for one in self.batches))

    @cached_property
    def seals(self) -> tuple[str, ...]:
        """What the batches' commitments are made of."""
        return tuple(chain.from_iterable(one.seals for one in self.batches))

    @cached_property
    def split(self) -> Split | None:
        """Which pictures are withheld; None where all are published.

        Raises
        ------
        ValueError
            While a beacon is awaited.
        """
        return joined_split([one.split for one in self.batches])

    @cached_property
    def withheld(self) -> frozenset[str]:
        """Ids of the withheld pictures."""
        return frozenset().union(*(one.withheld for one in self.batches))

    @property
    def shown(self) -> tuple[str, ...]:
        """Ids of the published pictures, in the order of the commitments."""
        return tuple(i for i in self.files if i not in self.withheld)

    @cached_property
    def commitment(self) -> str:
        """The public commitment, 64 hex digits; of several batches, the digest of theirs."""
        return joint_commitment([one.commitment for one in self.batches])

    @property
    def published_files(self) -> frozenset[str]:
        """Names of all files that are published."""
        return frozenset(
            entry.published
            for one in self.batches
            if not one.awaits_beacon
            for entry in one.entries
            if entry.id not in one.withheld
        )

    def draws(self, image_id: str) -> Draws:
        """What is drawn for a picture: published index, reading order, tie keys and views."""
        return self.batch_of(image_id).draws(image_id)

    def index(self, image_id: str) -> int:
        """Published index J of a picture."""
        return self.draws(image_id).index()

    def indices(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Published index J of each picture."""
        return np.array([self.index(image_id) for image_id in ids], dtype=np.int64)

    def save(self, path: Path) -> None:
        """Write with mode 0600, atomically; it is on the disk when this returns."""
        first, *others = (one.written() for one in self.batches)
        further = tuple(BatchFile.from_values(**one) for one in others)
        stored = LedgerFile.from_values(schema=SCHEMA, **first, further=further)
        write_atomically(path, to_json(stored), mode=0o600, durable=True)

    @classmethod
    def load(cls, path: Path) -> FolderLedger:
        """Read a ledger.

        Raises
        ------
        FileNotFoundError
            If it is gone.
        PermissionError
            If others can read it.
        ValueError
            If it is no ledger, one of another schema, or was changed.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"{path}: no such ledger. Without the ledger nothing can be audited, and nobody "
                "can make it again: look in your backups"
            )
        try:
            return cls.parse(read_private(path))
        except SchemaError as error:
            raise SchemaError(
                f"{path}: no ledger of `taggant mark`, or damaged: {error}. Nobody can make it "
                "again: look in your backups"
            ) from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def parse(cls, content: bytes) -> FolderLedger:
        """What `save` wrote.

        Raises
        ------
        SchemaError
            If it is no ledger, or one of another schema.
        ValueError
            If it was changed.
        """
        stored = parse(LedgerFile, content)
        batches = [stored, *stored.further]
        ledger = cls(tuple(map(Batch.read, batches)))
        for number, (one, before) in enumerate(zip(ledger.batches, batches, strict=True), 1):
            if one.commitment != before.commitment:
                raise ValueError(
                    f"the ledger was changed: the commitment of batch {number} is another one"
                )
            if not one.terms.same_but_for_the_draw(ledger.terms):
                raise ValueError(f"the ledger was changed: batch {number} has other terms")
        if len(ledger.files) < sum(len(one.files) for one in ledger.batches):
            raise ValueError("the ledger was changed: a picture is in two batches")
        return ledger
