"""A classifier that learnt from another one's answers, and from no published image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from omegaconf import DictConfig
from torch import Tensor
from torch.nn.functional import one_hot

from taggant.data.beyond import beyond
from taggant.data.imageset import ImageSet
from taggant.victim.taught import Taught

TOLD = ("confidences", "labels")


class Distilled(Taught):
    """The student of a black box that was trained on the published images.

    A teacher of the same make is trained on the set that the victim is given, then asked about
    images beyond that set; the student learns these images with its answers. What the student
    shows of a mark has passed through the answers. This is how a model whose weights are secret is
    tested as if they were not (arXiv 2002.00937).

    Parameters
    ----------
    unmarked : callable
        Makes the set that the teacher is asked about; see `further`.
    told : {"confidences", "labels"}
        What the teacher says.
    **classifier
        See `taggant.victim.classifier.Classifier`; of both.

    Raises
    ------
    ValueError
        For another `told`.
    """

    def __init__(
        self,
        *classifier: Any,
        unmarked: Callable[[], ImageSet] | None = None,
        told: str = "confidences",
        **more: Any,
    ) -> None:
        super().__init__(*classifier, **more)
        if told not in TOLD:
            raise ValueError(f"victim.told = {told!r}: accepted are {', '.join(TOLD)}")
        self.unmarked, self.told = unmarked, told

    def lesson(self, data: ImageSet, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Images that nobody published, with what the teacher says of them."""
        if self.unmarked is None:
            raise ValueError("victim.unmarked = null: a teacher must be asked about some images")
        asked = self.unmarked().images
        answers = self.confidences(self.teacher(data, seed, device), asked.to(device))
        if self.told == "labels":
            answers = one_hot(answers.argmax(1), self.classes).float()
        return asked, answers


def further(source: DictConfig, count: int) -> ImageSet:
    """Training images of a run's own source that are in neither of its splits.

    Parameters
    ----------
    source : config of ``data``
    count : int

    Raises
    ------
    ValueError
        If there are fewer.
    """
    return beyond(source, count, "victim.unmarked.count")
