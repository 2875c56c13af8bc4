"""Scores by short names: what an owner's audit may compute of a model's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from taggant import score
from taggant.data.augment import CropFlip as CropFlipAugment
from taggant.data.probes import Probe as ProbeAugment
from taggant.data.resized_crop import ResizedCrop as ResizedCropAugment
from taggant.owner.components.component import (
    Component,
    FunctionComponent,
    names_by_target,
    parse_config,
)
from taggant.owner.schema import GrownSchema, SchemaError
from taggant.score import access, image_text, likeness, membership, view_sets

SCORE = "taggant.score.Score"
FOLLOW = ("answers", "against")
"""Arguments of a score that follow from its statistic."""


class Confidences(FunctionComponent):
    """A statistic of a classifier's confidences and a label."""

    answers: ClassVar[str] = "logits"
    against: ClassVar[str | None] = None
    needs: ClassVar[str] = "label"


class Loss(Confidences):
    kind: Literal["loss"]
    factory = staticmethod(membership.loss)


class Margin(Confidences):
    kind: Literal["margin"]
    factory = staticmethod(membership.margin)


class Hinge(Confidences):
    kind: Literal["hinge"]
    factory = staticmethod(membership.hinge)


class Entropy(Confidences):
    kind: Literal["entropy"]
    needs: ClassVar[str] = "nothing"
    factory = staticmethod(membership.entropy)


class ModifiedEntropy(Confidences):
    kind: Literal["modified_entropy"]
    factory = staticmethod(membership.modified_entropy)


class Votes(Confidences):
    """Of labels of several views."""

    kind: Literal["votes"]
    factory = staticmethod(membership.votes)


class Cosine(FunctionComponent):
    """Of a picture's embedding with its caption's."""

    kind: Literal["cosine"]
    factory = staticmethod(image_text.cosine)
    answers: ClassVar[str] = "embedding"
    against: ClassVar[str | None] = "captions"
    needs: ClassVar[str] = "caption"


class Views(FunctionComponent):
    """A statistic of an encoder's answers to several views of a picture."""

    answers: ClassVar[str] = "embedding"
    against: ClassVar[str | None] = None
    needs: ClassVar[str] = "nothing"


class NearestView(Views):
    kind: Literal["nearest_view"]
    factory = staticmethod(likeness.nearest_view)


class PairwiseCosine(Views):
    kind: Literal["pairwise_cosine"]
    factory = staticmethod(likeness.pairwise_cosine)


class Full(Component):
    kind: Literal["full"]
    factory = access.Full


class Label(Component):
    kind: Literal["label"]
    factory = access.Label


class Rounded(Component):
    kind: Literal["rounded"]
    factory = access.Rounded
    digits: Annotated[int, Field(ge=0, le=7)]


class TopK(Component):
    kind: Literal["top_k"]
    factory = access.TopK
    k: Annotated[int, Field(ge=1, le=100_000)]


class Embedding(Component):
    kind: Literal["embedding"]
    factory = access.Embedding


class CropFlip(Component):
    kind: Literal["crop_flip"]
    factory = CropFlipAugment
    pad: Annotated[int, Field(ge=0, le=512)]
    flip: bool


class ResizedCrop(Component):
    kind: Literal["resized_crop"]
    factory = ResizedCropAugment
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool

    @model_validator(mode="after")
    def _made(self) -> ResizedCrop:
        self.build()
        return self


class Probe(Component):
    kind: Literal["probe"]
    factory = ProbeAugment
    size: Annotated[float, Field(gt=0, le=255)]
    cell: Annotated[int, Field(ge=1, le=4096)] = 1
    steps: Annotated[int, Field(ge=1, le=1024)] = 1


class RandomViews(Component):
    kind: Literal["random"]
    factory = view_sets.Random


class GridViews(Component):
    kind: Literal["grid"]
    factory = view_sets.Grid


Statistic = (
    Loss
    | Margin
    | Hinge
    | Entropy
    | ModifiedEntropy
    | Votes
    | Cosine
    | NearestView
    | PairwiseCosine
)
Access = Full | Label | Rounded | TopK | Embedding
Augment = CropFlip | ResizedCrop | Probe
ViewSet = RandomViews | GridViews
"""Not those that ask the model about the raw picture: a verifier could not draw them again."""
NAMES = names_by_target(Statistic, Access, Augment, ViewSet)
RANDOM = RandomViews(kind="random")


class ScoreConfig(GrownSchema):
    """A membership score; see `taggant.score.Score`.

    Of a single view nothing is augmented, averaged or chosen: then all three have their one value.
    Random views are written as before there were others.
    """

    statistic: Annotated[Statistic, Field(discriminator="kind")]
    access: Annotated[Access, Field(discriminator="kind")]
    views: Annotated[int, Field(ge=1, le=1024)]
    augment: Annotated[Augment, Field(discriminator="kind")] | None
    average: Literal["scores", "confidences"] | None
    view_set: Annotated[ViewSet, Field(discriminator="kind")] = RANDOM

    @model_validator(mode="after")
    def _fits(self) -> ScoreConfig:
        if self.views == 1 and (self.augment is not None or self.average != "scores"):
            raise ValueError("of one view accepted are augment = null and average = 'scores'")
        if self.views == 1 and self.view_set != RANDOM:
            raise ValueError("of one view accepted is view_set = random")
        self.build()
        return self

    def build(self) -> score.Score:
        """The score."""
        return score.Score(
            statistic=self.statistic.build(),
            access=self.access.build(),
            views=self.views,
            augment=None if self.augment is None else self.augment.build(),
            average=self.average,
            answers=self.statistic.answers,
            against=self.statistic.against,
            view_set=self.view_set.build(),
        )


def score_from_config(config: Mapping[str, object]) -> ScoreConfig:
    """A composed ``score`` config, as files hold it.

    Raises
    ------
    SchemaError
        For a score that an owner's audit does not know, or arguments out of range.
    """
    if config.get("_target_") != SCORE:
        raise SchemaError(f"score = {config.get('_target_')}: accepted is {SCORE}")
    values = {key: value for key, value in config.items() if key not in FOLLOW}
    if values.get("views") == 1 and values.get("average") == "scores":
        values["augment"] = None
        values.pop("view_set", None)
    score_config = parse_config(ScoreConfig, values, NAMES, "score")
    for key in FOLLOW:
        follows = getattr(score_config.statistic, key)
        if config.get(key, follows) != follows:
            raise SchemaError(f"score.{key} = {config[key]}: with this statistic it is {follows}")
    return score_config
