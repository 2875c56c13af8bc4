"""Which pictures are published: a second draw beside the published versions.

A part of the pictures of each group is *withheld*: marked like the others, kept, shown to nobody.
Each picture has a split secret, derived from its own secret and committed to beside it, so that a
certificate can open the split of all pictures and nothing else of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from taggant.canonical import canonical_json
from taggant.marking.draws import Draws, seed_of_all
from taggant.marking.stream import derive
from taggant.owner.labels import from_csv
from taggant.owner.schema import MOST_PICTURES, Decimal, Schema, decimal

Group = Annotated[int, Field(ge=0, lt=MOST_PICTURES)]
ALL, LABELS, FOLDERS, TABLE = "all", "labels", "folders", "table"
ORDER, TIES, SPREAD, RANKS, DRAWN = "withheld", "ties", "spread", "ranks", "splits"
"""Purposes of what is drawn from a split secret."""


class Withholding(Schema):
    """How many pictures of each group are withheld.

    Attributes
    ----------
    share : str or None
        Of a group's pictures, rounded to the nearest number.
    count : int or None
        In place of a share: so many of each group.
    groups : str
        What makes pictures a group: all of them are one; one label; one folder; or what a table
        of the owner's says.
    """

    share: Decimal | None
    count: Annotated[int, Field(ge=1, le=MOST_PICTURES)] | None
    groups: Literal["all", "labels", "folders", "table"]

    @model_validator(mode="after")
    def _one(self) -> Withholding:
        if (self.share is None) == (self.count is None):
            raise ValueError("accepted is a share or a count")
        return self

    def of(self, size: int) -> int:
        """How many of a group of so many pictures; one at least is published."""
        asked = self.count
        if asked is None:
            assert self.share is not None
            asked = math.floor(Fraction(self.share) * size + Fraction(1, 2))
        return min(asked, size - 1)


def parse_withholding(text: str, groups: str) -> Withholding:
    """What ``--withhold`` and ``--groups`` say: 30%, or 40; folders, labels, or a table's name.

    Raises
    ------
    ValueError
        If they say nothing of the kind.
    """
    number = text.removesuffix("%")
    kind = groups if groups in (ALL, LABELS, FOLDERS) else TABLE
    try:
        if number != text:
            share = decimal(str(Fraction(number) / 100))
            return Withholding.from_values(share=share, count=None, groups=kind)
        if number.isdecimal():
            return Withholding.from_values(share=None, count=int(number), groups=kind)
    except (ValueError, ZeroDivisionError):
        pass
    raise ValueError(
        f"--withhold {text}: accepted are a share above 0% and below 100%, such as 30%, or how "
        "many of each group, 1, 2, 3, ..."
    )


def group_numbers(names: Sequence[str], labels: Sequence[str], groups: str) -> tuple[int, ...]:
    """Group of each file, 0, 1, ... in the order of the groups' names, which are not committed to.

    Parameters
    ----------
    names, labels : sequence of str
        Of the raw files.
    groups : str
        all, labels, folders, or a CSV file with the columns name and group.

    Raises
    ------
    ValueError
        For a table that lacks a file, or pictures that have no label.
    """
    named = list(_group_names(names, labels, groups))
    number = {name: k for k, name in enumerate(sorted(set(named)))}
    return tuple(number[name] for name in named)


def _group_names(names: Sequence[str], labels: Sequence[str], groups: str) -> Iterable[str]:
    if groups == ALL:
        return [""] * len(names)
    if groups == FOLDERS:
        return [str(PurePosixPath(name).parent) for name in names]
    if groups == LABELS:
        without = [name for name, label in zip(names, labels, strict=True) if not label]
        if without:
            raise ValueError(
                f"--groups labels: {len(without)} pictures have no label (the first: {without[0]})"
            )
        return labels
    table = Path(groups)
    if not table.exists():
        raise ValueError(
            f"--groups {table}: accepted are {ALL}, {LABELS}, {FOLDERS}, or a CSV file with the "
            "columns name and group"
        )
    told = from_csv(table, "group", names)
    return [told[name] for name in names]


def split_secret(secret: bytes) -> bytes:
    """A picture's split secret, from its own: it says nothing of that one."""
    return derive(secret, "split")


def sealed(picture: str, split: bytes, group: int) -> str:
    """Commitment to a picture and its place in the split, 64 hex digits.

    Parameters
    ----------
    picture : str
        Commitment to the picture itself.
    split : bytes
        Its split secret.
    group : int
    """
    digest = hashlib.sha256(split).hexdigest()
    body = {"group": group, "picture": picture, "split_sha256": digest}
    return hashlib.sha256(canonical_json(body)).hexdigest()


@dataclass(frozen=True, repr=False)
class Split:
    """Which pictures are withheld, and what else is drawn of the pictures of a split.

    Parameters
    ----------
    rule : Withholding
    secrets : sequence of bytes
        Split secret of each picture.
    groups : sequence of int
    where : sequence of str
        What each picture's draws depend on beside its secret: commitment and beacon value; empty
        without a beacon.

    Attributes
    ----------
    group : int array [N]
    withheld : bool array [N]
        Of each group as many as the rule says, uniformly drawn.
    """

    rule: Withholding
    secrets: Sequence[bytes]
    groups: Sequence[int]
    where: Sequence[str]

    def __repr__(self) -> str:
        return f"Split({len(self.secrets)} pictures, secrets withheld)"

    @cached_property
    def group(self) -> NDArray[np.int64]:
        """Group of each picture, [N]."""
        return np.array(self.groups, np.int64)

    @cached_property
    def withheld(self) -> NDArray[np.bool_]:
        """Which pictures are withheld, [N]: those with the smallest keys of each group."""
        keys = [one.key(f"{ORDER}/{one.name}") for one in self._draws]
        drawn = np.zeros(len(keys), bool)
        for group in np.unique(self.group):
            members = np.flatnonzero(self.group == group).tolist()
            members.sort(key=keys.__getitem__)
            drawn[members[: self.rule.of(len(members))]] = True
        return drawn

    def uniforms(self, purpose: str) -> NDArray[np.float64]:
        """One number in [0, 1) for each picture, [N]."""
        return np.array([one.uniform(purpose) for one in self._draws])

    def seed(self, purpose: str) -> int:
        """One seed for all pictures."""
        return seed_of_all(self._draws, purpose)

    @cached_property
    def _draws(self) -> list[Draws]:
        pairs = zip(self.secrets, self.where, strict=True)
        return [Draws(secret, where, 1) for secret, where in pairs]


def joined_split(splits: Sequence[Split | None]) -> Split | None:
    """The split of several batches as one: pictures are compared within batch and group only.

    None where all pictures are published.

    Parameters
    ----------
    splits : sequence of Split or None
        Of one rule, each.
    """
    if len(splits) == 1:
        return splits[0]
    parts = [one for one in splits if one is not None]
    if not parts:
        return None
    return Split(
        parts[0].rule,
        [secret for one in parts for secret in one.secrets],
        [k * MOST_PICTURES + group for k, one in enumerate(parts) for group in one.groups],
        [where for one in parts for where in one.where],
    )
