"""What an audit fixed before its first query, and what it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, FailFast, Field, model_validator
from torch import Tensor

from taggant.auditing.comparison import exceeding, in_doubt
from taggant.files import write_atomically
from taggant.marking.draws import Draws
from taggant.models.model import Target
from taggant.owner.commitments import PictureDescription
from taggant.owner.components.score import ScoreConfig
from taggant.owner.decision import DecisionRule
from taggant.owner.labels import Classes
from taggant.owner.pictures import SMALLEST
from taggant.owner.schema import (
    LARGEST_N,
    MOST_PICTURES,
    OWN_FILES,
    ContentId,
    Count,
    GrownSchema,
    Hex32,
    NonEmptyLine,
    Schema,
    SchemaError,
    parse,
    to_json,
)
from taggant.owner.transform import Transform, shrunk

SchemaName = Literal["taggant audit 4"]
SCHEMA: SchemaName = "taggant audit 4"


def _float32(scores: tuple[float, ...]) -> tuple[float, ...]:
    with np.errstate(over="ignore"):
        same = np.array(scores, np.float32).tolist() == list(scores)
    if not same:
        raise ValueError("accepted are float32 numbers")
    return scores


Scores = Annotated[
    tuple[float, ...],
    Field(min_length=1, max_length=LARGEST_N),
    FailFast(),
    AfterValidator(_float32),
]
"""Of one picture: its published version, then hidden ones in reading order."""
Grid = Annotated[float, Field(ge=0, le=1e6)]
"""Scores are rounded to multiples of it before they are compared; 0: they are not."""


class AskedModel(Schema):
    """A model that was asked.

    Attributes
    ----------
    spec, fingerprint, answers
        See `taggant.models.model.Model`.
    classes : tuple of str
        In the model's order, by which labels become numbers; empty for scores that need no label.
    """

    spec: NonEmptyLine
    fingerprint: Hex32
    answers: Literal["logits", "embedding"]
    classes: Annotated[tuple[NonEmptyLine, ...], Field(max_length=100_000), FailFast()]


class AuditSetup(GrownSchema):
    """What is fixed before the first query.

    Attributes
    ----------
    transform : Transform
        What a platform did to the published files.
    send : int or None
        Longer side of the pictures that the model is sent, at most; None sends them in the
        published size. Raw pictures are shrunk to it first, and all versions that are asked about,
        the published one too, are made of those: one function of raw picture and version, so the
        error rate holds whatever it is (`taggant.owner.scheme.as_sent`).
    """

    commitment: Hex32
    model: AskedModel
    score: ScoreConfig
    rule: DecisionRule
    transform: Transform
    send: Annotated[int, Field(ge=SMALLEST, le=1 << 20)] | None = None

    @property
    def as_published(self) -> bool:
        """Whether the model is asked about the published pixels themselves."""
        return not self.transform and self.send is None

    def after(self, shape: Sequence[int]) -> Transform:
        """What is done to versions of a raw picture of the shape [C, H, W] when they are made.

        The encoding is left out where the picture is shrunk first: repeated at another size, it
        would be another one.
        """
        shrinks = self.send is not None and max(shape[-2:]) > self.send
        return self.transform.without_encoding if shrinks else self.transform

    def sent(self, pixels: Tensor) -> Tensor:
        """A raw picture, uint8 [C, H, W], as the model would be asked about it without a mark."""
        step = self.after(pixels.shape)
        small = shrunk(pixels, self.send)
        return step(small) if step else small

    @model_validator(mode="after")
    def _match(self) -> AuditSetup:
        statistic, classes = self.score.statistic, self.model.classes
        if self.model.answers != statistic.answers:
            raise ValueError(
                f"model.answers = {self.model.answers!r}: the score reads {statistic.answers}"
            )
        if (statistic.needs == "label") != bool(classes) or len(set(classes)) < len(classes):
            raise ValueError(
                f"model.classes = [...] of {len(classes)} values: accepted are different names "
                "where the score needs labels, and none where it does not"
            )
        return self


class Targets:
    """What each picture's answers are compared with; it follows from what is committed to."""

    def __init__(self, facts: AuditSetup) -> None:
        self.needs = facts.score.statistic.needs
        self.classes = Classes(facts.model.classes)

    def for_picture(self, picture: PictureDescription) -> Target:
        """Class number or caption; 0 for a score that needs neither.

        Raises
        ------
        ValueError
            If the picture has none, or its label is no class of the model.
        """
        if self.needs == "nothing":
            return 0
        value: str = getattr(picture, self.needs)
        if not value:
            raise ValueError(
                f"{picture.name} has no {self.needs}, which this score needs. They are committed "
                f"to when pictures are marked (`taggant mark --{self.needs}s FILE.csv`): chosen "
                "later, they would choose the claims"
            )
        return value if self.needs == "caption" else self.classes.number(value)


class PictureScores(Schema):
    """Scores of the versions of one picture.

    Attributes
    ----------
    grid : float
    scores : tuple of float
        Of the published version as it was asked first, then of the hidden ones in reading order.
    again : (float, float)
        The least and the largest score of the published version, asked first and again later.
    """

    grid: Grid
    scores: Scores
    again: Annotated[Scores, Field(min_length=2, max_length=2)]

    @model_validator(mode="after")
    def _range(self) -> PictureScores:
        least, largest = self.again
        if not least <= self.scores[0] <= largest:
            raise ValueError(f"again = {list(self.again)}: scores.0 is not between them")
        return self

    def comparisons(self, draws: Draws) -> NDArray[np.bool_]:
        """Exceedances and doubtful comparisons in reading order, bool [2, read]."""
        scores, again = np.array(self.scores, np.float32), np.array(self.again, np.float32)
        keys = draws.tie_keys(read_indices(draws, len(scores) - 1))
        return np.stack(
            [
                exceeding(scores[1:], keys[1:], scores[:1], keys[:1], self.grid),
                in_doubt(scores[1:], again[:1], again[1:], self.grid),
            ]
        )


def read_indices(draws: Draws, reads: int) -> NDArray[np.int64]:
    """Versions of an audit in the order of its scores: published, then hidden as read."""
    published = draws.index()
    return np.array([published, *draws.order(published, reads)])


class ScoredPicture(PictureScores):
    """The answers about the picture of an id."""

    id: ContentId


class MemberScore(Schema):
    """The score of a whole picture, published or withheld."""

    id: ContentId
    score: float


class Record(GrownSchema):
    """What an audit found. The owner keeps it to herself: it holds the scores of every picture.

    Attributes
    ----------
    facts : AuditSetup
        What was fixed before the first query.
    scored : tuple of ScoredPicture
        Published pictures, in the order of the commitments; none where no versions were asked.
    members : tuple of MemberScore
        All pictures in that order, where they are compared with withheld ones; else none.
    paid : int
        Queries answered.
    attempts : int
        Images sent in the last call, failures included.
    """

    size_factor: ClassVar[int] = OWN_FILES
    schema_: Annotated[SchemaName, Field(alias="schema")]
    facts: AuditSetup
    scored: Annotated[tuple[ScoredPicture, ...], Field(max_length=MOST_PICTURES), FailFast()]
    members: Annotated[tuple[MemberScore, ...], Field(max_length=MOST_PICTURES), FailFast()] = ()
    paid: Count
    attempts: Count

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the pictures that were asked about."""
        return (*(one.id for one in self.scored), *(one.id for one in self.members))

    def save(self, path: Path) -> None:
        """Write with mode 0600, atomically."""
        write_atomically(path, to_json(self), mode=0o600)

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError, SchemaError
            If it is not there, or no such record.
        """
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such audit; `taggant audit` writes it")
        try:
            return parse(cls, path.read_bytes())
        except SchemaError as error:
            raise SchemaError(f"{path}: no audit of `taggant audit`, or damaged: {error}") from None
