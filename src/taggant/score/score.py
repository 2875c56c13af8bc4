"""A score: an oracle's answers to K paired views of a version, reduced to one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from taggant.data.augment import Redrawn
from taggant.data.imageset import ImageSet
from taggant.score.oracle import ANSWER, Access, Oracle, layer_of

Statistic = Callable[[Tensor, Tensor], Tensor]
AVERAGES = ("scores", "confidences", "nothing")


@dataclass(frozen=True)
class Score:
    """Membership score of an image, larger = more likely used.

    Parameters
    ----------
    statistic : callable
        (answers [B, ...], targets [B, ...]) -> float [B], where answers are what `access` shows of
        the model's: log-confidences [B, classes] against labels [B], say; see
        `taggant.score.membership`.
    access : callable
        What the auditor sees of an answer; see `taggant.score.access`.
    views : int
        K, queries per version. With K = 1 the version itself is asked; with more, K random views,
        the same ones for all versions of an instance.
    augment : CropFlip, ResizedCrop or the like, optional
        How views are made; match it to the victim's training augmentation.
    average : {"scores", "confidences", "nothing"}
        What is averaged over the views. Where nothing is, the statistic compares the views with
        each other: it gets the answers to all of them, [B, K, ...], and needs K >= 2.
    answers : {"logits", "embedding"}
        What `statistic` is a function of; a victim that answers otherwise has no such score.
    against : {"labels", "captions"}, optional
        What its targets must be, where only the targets of some victims will do.

    Raises
    ------
    ValueError
        For views < 1 (2, if they are compared), views > 1 without `augment`, an unknown `average`,
        averaged confidences of what has none, or an `access` to other answers than the statistic's.
    """

    statistic: Statistic
    access: Access
    views: int = 1
    augment: Redrawn | None = None
    average: str = "scores"
    answers: str = "logits"
    against: str | None = None

    def __post_init__(self) -> None:
        if self.views < 1:
            raise ValueError(f"score.views = {self.views}: accepted are 1, 2, 3, ...")
        if self.views > 1 and self.augment is None:
            raise ValueError(f"score.views = {self.views} needs score.augment to make views with")
        shown = getattr(self.access, "answers", self.answers)
        if shown != self.answers:
            raise ValueError(
                f"score.access shows {shown}, and this score reads {self.answers}: choose a "
                f"level (score/access=...) of {self.answers}"
            )
        self._check_average()

    def _check_average(self) -> None:
        if self.average not in AVERAGES:
            accepted = ", ".join(map(repr, AVERAGES))
            raise ValueError(f"score.average = {self.average!r}: accepted are {accepted}")
        if self.average == "nothing" and self.views < 2:
            raise ValueError(
                f"score.views = {self.views}: this score compares views, accepted are 2, 3, ..."
            )
        if self.average == "confidences" and self.answers != "logits":
            raise ValueError(f"score.average = 'confidences': {self.answers} has none")

    def check(self, victim: Any) -> None:
        """Refuse a victim that answers with something else than this score is a function of.

        Parameters
        ----------
        victim : LightningModule or its class
            Says with its ``answers`` what it answers with.

        Raises
        ------
        ValueError
            If they differ, if its targets are of another kind, or if the victim has no such layer
            as `access` looks at.
        """
        if victim.answers != self.answers:
            raise ValueError(
                f"the victim answers with {victim.answers}, and this score reads {self.answers}: "
                f"choose a score (score=..., --score) that reads {victim.answers}"
            )
        if self.against not in (None, victim.against):
            raise ValueError(
                f"this score compares answers with {self.against}, and this victim knows "
                f"{victim.against}: choose another score (score=...)"
            )
        layer = layer_of(self.access)
        if layer != ANSWER and not hasattr(victim, layer):
            raise ValueError(f"score.access looks at {layer!r}, which this victim does not have")

    def prepared(self, victim: Any, public: ImageSet) -> Score:
        """This score for one victim, with what its statistic looks up in public data.

        Parameters
        ----------
        victim : LightningModule
            Trained, and on its device.
        public : ImageSet
            Held-out images that were neither marked nor published.
        """
        prepare = getattr(self.statistic, "prepare", None)
        if prepare is None:
            return self
        return replace(self, statistic=prepare(victim, public, self.access))

    def draw_views(self, seeds: Sequence[int]) -> Tensor:
        """Augmentation parameters of each instance's views, [I, K, ...].

        A function of the instance's seed alone: the published version is viewed as the hidden
        ones are.
        """
        if self.views == 1 or self.augment is None:
            return torch.zeros(len(seeds), 1, 3, dtype=torch.int64)
        draws = [
            self.augment.draw(self.views, torch.Generator().manual_seed(seed)) for seed in seeds
        ]
        return torch.stack(draws)

    def __call__(self, oracle: Oracle, images: Tensor, targets: Tensor, views: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        oracle : Oracle
            Answers at this score's access level.
        images : Tensor, uint8 [B, C, H, W], 0..255
        targets : Tensor [B, ...]
            What answers are compared with; labels, int64 [B], say.
        views : Tensor [B, K, ...]
            Each image's rows of `draw_views`.

        Returns
        -------
        Tensor, float32 [B]
        """
        asked = images
        if self.augment is not None and self.views > 1:
            repeated = images.repeat_interleave(self.views, 0)
            asked = self.augment.apply(repeated, views.flatten(0, 1).to(images.device))
        answers = oracle.query(asked).unflatten(0, (len(images), self.views))
        targets = targets.to(answers.device)
        if self.average == "confidences":
            return self.statistic(answers.logsumexp(1) - math.log(self.views), targets)
        if self.average == "nothing":
            return self.statistic(answers, targets)
        scores = self.statistic(answers.flatten(0, 1), targets.repeat_interleave(self.views, 0))
        per_view: Tensor = scores.unflatten(0, (len(images), self.views))
        return per_view.mean(1)
