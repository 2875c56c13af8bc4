"""A score: an oracle's answers to K paired views of a version, reduced to one number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from taggant.data.augment import Redrawn
from taggant.data.imageset import ImageSet
from taggant.score.oracle import ANSWER, Access, AnyOracle, layer_of
from taggant.score.statistic import Preparable, Relative, Statistic, Targeted, Viewing
from taggant.score.view_sets import Random, RawScores, ViewSet

PIXELS = "pixels"
BLOCK = 1 << 18
"""Values of raw images whose views are chosen together."""
AVERAGES = ("scores", "confidences", None)


class Answering(Protocol):
    """A victim, its class, or an owner's model: it says what it answers with."""

    @property
    def answers(self) -> str:
        """What it answers with: logits, embedding, tokens."""
        ...

    @property
    def against(self) -> str | None:
        """What its answers are compared with: labels, captions or nothing."""
        ...


@dataclass(frozen=True)
class Score:
    """Membership score of an image, larger = more likely used.

    Parameters
    ----------
    statistic : Statistic or Preparable
        (answers [B, ...], targets [B, ...]) -> float [B], where answers are what `access` shows of
        the model's: log-confidences [B, classes] against labels [B], say; see
        `taggant.score.membership`. One that must be prepared first serves `prepared` scores only.
    access : callable
        What the auditor sees of an answer; see `taggant.score.access`.
    views : int
        K, queries per version. With K = 1 the version itself is asked; with more, K views, the same
        ones for all versions of an instance.
    augment : CropFlip, ResizedCrop or the like, optional
        How views are made; match it to the victim's training augmentation.
    view_set : ViewSet
        Which K views; see `taggant.score.view_sets`. Plays no part with K = 1.
    references, weight
        See `less`.
    average : {"scores", "confidences"} or None
        What is averaged over the views. With None, the statistic compares the views with each
        other: it gets the answers to all of them, [B, K, ...], and needs K >= 2.
    answers : {"logits", "embedding"}
        What `statistic` is a function of; a victim that answers otherwise has no such score.
    against : {"labels", "captions"}, optional
        What its targets must be, where only the targets of some victims will do.

    Raises
    ------
    ValueError
        For views < 1 (2, if they are compared), views > 1 without `augment`, a `view_set` that the
        augmentation or the statistic does not allow, an unknown `average`, averaged confidences of
        what has none, or an `access` to other answers than the statistic's.
    """

    statistic: Statistic | Preparable
    access: Access
    views: int = 1
    augment: Redrawn | None = None
    average: str | None = "scores"
    answers: str = "logits"
    against: str | None = None
    view_set: ViewSet = field(default_factory=Random)
    references: tuple[tuple[AnyOracle, Score], ...] = ()
    weight: float = 0.0

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
        if self.answers == PIXELS and self.views > 1:
            raise ValueError(
                f"score.views = {self.views}: this score compares versions with the raw image "
                "as it is, accepted is 1"
            )
        self._check_average()
        self._check_view_set()

    def _check_view_set(self) -> None:
        if self.views == 1 or self.augment is None:
            return
        self.view_set.check(self.augment)
        if self.average is None and self.choosing and self.answers != "logits":
            raise ValueError(
                "score/view_set: this score compares views with each other, and one view alone is "
                "neither hard nor easy: choose random or grid"
            )

    def _check_average(self) -> None:
        if self.average not in AVERAGES:
            raise ValueError(
                f"score.average = {self.average!r}: accepted are 'scores', 'confidences' and null"
            )
        if self.average is None and self.views < 2:
            raise ValueError(
                f"score.views = {self.views}: this score compares views, accepted are 2, 3, ..."
            )
        if self.average == "confidences" and self.answers != "logits":
            raise ValueError(f"score.average = 'confidences': {self.answers} has none")

    @property
    def reads(self) -> str:
        """What a victim must answer with."""
        return str(getattr(self.statistic, "reads", self.answers))

    def check(self, victim: Answering) -> None:
        """Refuse a victim that answers with something else than this score is a function of.

        Parameters
        ----------
        victim : Answering
            The victim, or its class.

        Raises
        ------
        ValueError
            If they differ, if its targets are of another kind, if the score needs a gradient that
            the victim has not, or a layer.
        """
        if victim.answers != self.reads:
            raise ValueError(
                f"the victim answers with {victim.answers}, and this score reads {self.reads}: "
                f"choose a score (score=..., --score) that reads {victim.answers}"
            )
        if self.against not in (None, victim.against):
            raise ValueError(
                f"this score compares answers with {self.against}, and this victim knows "
                f"{victim.against or 'none'}: choose another score (score=...)"
            )
        if self.answers == PIXELS and not getattr(victim, "differentiable", True):
            raise ValueError(
                "this score goes by the gradient of the answers, and this victim answers in "
                "steps: choose another score (score=...)"
            )
        layer = layer_of(self.access)
        if layer != ANSWER and not hasattr(victim, layer):
            raise ValueError(f"score.access looks at {layer!r}, which this victim does not have")

    def prepared(self, victim: nn.Module, public: ImageSet) -> Score:
        """This score for one victim, with what its statistic looks up in public data.

        Parameters
        ----------
        victim : nn.Module
            Trained, and on its device.
        public : ImageSet
            Held-out images that were neither marked nor published.
        """
        if not isinstance(self.statistic, Preparable):
            return self
        statistic = self.statistic.prepare(victim, public, self.access)
        return replace(self, statistic=statistic)

    def targets(self, victim: Targeted, raw: ImageSet) -> Tensor:
        """What each instance's answers are compared with, the same for all its versions, [N, ...].

        Parameters
        ----------
        victim : Targeted
            For which this score is `prepared`.
        raw : ImageSet
            Raw images.
        """
        known = victim.targets(raw)
        statistic = self.statistic
        return statistic.beside(raw.images, known) if isinstance(statistic, Relative) else known

    @property
    def _ready(self) -> Statistic:
        if isinstance(self.statistic, Preparable):
            name = type(self.statistic).__name__
            raise TypeError(f"score.statistic = {name}: it has to be prepared for a victim first")
        return self.statistic

    def less(self, references: Sequence[tuple[AnyOracle, Score]], weight: float) -> Score:
        """This score less `weight` times the mean score of the same version under other models.

        What all versions have in common takes no part in a comparison of them, so this removes how
        each single version looks to a model that never saw it. The references know neither the
        published version nor that one was published: the null stays exact.

        Parameters
        ----------
        references : sequence of (Oracle, Score)
            Each model with this score, prepared for it. None: the score stays as it is.
        weight : float
            Fixed beforehand, 0..1.

        Raises
        ------
        ValueError
            For a score that knows each raw image by one model's gradient.
        """
        if references and isinstance(self.statistic, Relative):
            raise ValueError(
                "reference.weight: this score (score=gradient and the like) compares versions with "
                "one model's gradient only; accepted is reference.weight=0"
            )
        return replace(self, references=tuple(references), weight=weight)

    @property
    def choosing(self) -> int:
        """Queries that the choice of an instance's views costs, beside those of its versions."""
        if self.views == 1 or self.augment is None:
            return 0
        return self.view_set.queries(self.augment)

    def draw_views(self, seeds: Sequence[int]) -> Tensor:
        """Parameters of each instance's views, [I, K, ...], where no model need be asked.

        A function of the instance's seed alone: the published version is viewed as the hidden
        ones are.

        Raises
        ------
        ValueError
            For a view set that asks the model.
        """
        if self.choosing:
            raise ValueError(
                "score/view_set: these views are chosen by asking the model about the raw image, "
                "which is not done here: choose random or grid"
            )
        return self._chosen(seeds, RawScores(torch.empty(0), torch.clone))

    def views_of(
        self, oracle: AnyOracle, raw: Tensor, targets: Tensor, seeds: Sequence[int]
    ) -> Tensor:
        """Parameters of each instance's views, [I, K, ...].

        A function of the instance's seed and, for some view sets, of the model's answers to its raw
        image: no version plays a part, so the published one is viewed as the hidden ones are.

        Parameters
        ----------
        oracle : Oracle
            Asked `choosing` times an instance.
        raw : Tensor, uint8 [I, C, H, W], 0..255
            Raw images.
        targets : Tensor [I, ...]
        seeds : sequence of int
        """
        if not self.choosing:
            return self.draw_views(seeds)
        step = max(1, BLOCK // raw[0].numel())
        chosen = []
        for start in range(0, len(raw), step):
            some = slice(start, start + step)
            seen = partial(self._seen, oracle, raw[some], targets[some])
            chosen.append(self._chosen(seeds[some], RawScores(raw[some], seen)))
        return torch.cat(chosen)

    def _seen(self, oracle: AnyOracle, raw: Tensor, targets: Tensor, views: Tensor) -> Tensor:
        """Scores [I, P] of images as each one's views [I, P, ...] show them."""
        assert self.augment is not None
        repeated, draws = raw.repeat_interleave(views.shape[1], 0), views.flatten(0, 1)
        targets = targets.repeat_interleave(views.shape[1], 0)
        step = oracle.batch_size
        scores = []
        for some in zip(repeated.split(step), draws.split(step), targets.split(step), strict=True):
            images, drawn, own = some
            answers = oracle.query(self.augment.apply(images, drawn.to(images.device)))
            scores.append(self._of_a_view(answers, own.to(answers.device)).float().cpu())
        return torch.cat(scores).view(views.shape[:2])

    def _of_a_view(self, answers: Tensor, targets: Tensor) -> Tensor:
        statistic = self._ready
        if isinstance(statistic, Viewing):
            return statistic.of_a_view(answers, targets)
        # A statistic of several views gets one.
        return statistic(answers if self.average is not None else answers[:, None], targets)

    def _chosen(self, seeds: Sequence[int], raw: RawScores) -> Tensor:
        if self.views == 1 or self.augment is None:
            return torch.zeros(len(seeds), 1, 3, dtype=torch.int64)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return self.view_set.choose(self.augment, self.views, generators, raw)

    def __call__(self, oracle: AnyOracle, images: Tensor, targets: Tensor, views: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        oracle : Oracle
            Answers at this score's access level.
        images : Tensor, uint8 [B, C, H, W], 0..255
        targets : Tensor [B, ...]
            What answers are compared with; labels, int64 [B], say.
        views : Tensor [B, K, ...]
            Each image's rows of `views_of`.

        Returns
        -------
        Tensor, float32 [B]
        """
        own = self._asked(oracle, images, targets, views)
        if not self.references:
            return own
        theirs = [score(other, images, targets, views) for other, score in self.references]
        return own - self.weight * torch.stack(theirs).mean(0)

    def _asked(self, oracle: AnyOracle, images: Tensor, targets: Tensor, views: Tensor) -> Tensor:
        """Scores [B] under one model."""
        asked = images
        if self.augment is not None and self.views > 1:
            repeated = images.repeat_interleave(self.views, 0)
            asked = self.augment.apply(repeated, views.flatten(0, 1).to(images.device))
        answers = oracle.query(asked).unflatten(0, (len(images), self.views))
        targets = targets.to(answers.device)
        if self.average == "confidences":
            return self._ready(answers.logsumexp(1) - math.log(self.views), targets)
        if self.average is None:
            return self._ready(answers, targets)
        scores = self._ready(answers.flatten(0, 1), targets.repeat_interleave(self.views, 0))
        per_view: Tensor = scores.unflatten(0, (len(images), self.views))
        return per_view.mean(1)

    def of_many(
        self, oracle: AnyOracle, images: Tensor, targets: Tensor, views: Tensor
    ) -> NDArray[np.float32]:
        """Score any number of images, [B], a batch at a time; see `__call__`."""
        step = max(1, oracle.batch_size // self.views)
        parts = zip(images.split(step), targets.split(step), views.split(step), strict=True)
        scores = torch.cat([self(oracle, *part).float().cpu() for part in parts])
        return np.asarray(scores.numpy())
