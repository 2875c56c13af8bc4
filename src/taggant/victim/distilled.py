"""A classifier that learnt from another one's answers, and from no published image."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.nn.functional import one_hot

from taggant.data.batches import Batches
from taggant.data.beyond import beyond
from taggant.data.imageset import ImageSet
from taggant.optim import train
from taggant.victim.classifier import Classifier
from taggant.victim.victim import EVAL_BATCH

TOLD = ("confidences", "labels")


class Distilled(Classifier):
    """The student of a black box that was trained on the published images.

    A teacher of the same make is trained on the set that the victim is given, then asked about
    images beyond that set; the student learns these images with its answers. What the student
    shows of a mark has passed through the answers. This is how a model whose weights are secret is
    tested as if they were not (arXiv 2002.00937).

    It offers unlearning methods nothing: what it learned are its teacher's answers, and there is no
    loss of the published images to go on with. To retrain it is to train its teacher anew too.

    The teacher is trained in float32, trained again where an interrupted run goes on, and not kept.

    Parameters
    ----------
    net, classes, channels, image_size, width
        See `Classifier`; teacher and student start from weights of their own.
    unmarked : callable
        Makes the set that the teacher is asked about; see `further`.
    told : {"confidences", "labels"}
        What the teacher says.
    **training
        See `Victim`; of both.

    Raises
    ------
    ValueError
        For another `told`.
    """

    offers: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        net: Callable[..., nn.Module],
        classes: int,
        channels: int,
        image_size: int,
        width: int | None = None,
        unmarked: Callable[[], ImageSet] | None = None,
        told: str = "confidences",
        **training: Any,
    ) -> None:
        super().__init__(net, classes, channels, image_size, width, **training)
        if told not in TOLD:
            raise ValueError(f"victim.told = {told!r}: accepted are {', '.join(TOLD)}")
        self.unmarked, self.told = unmarked, told
        self._teacher = partial(Classifier, net, classes, channels, image_size, width, **training)

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of images that nobody published, with what the teacher says of them."""
        if self.unmarked is None:
            raise ValueError("victim.unmarked = null: a teacher must be asked about some images")
        asked = self.unmarked().images
        teacher = self.teacher(data, seed, device)
        answers = self.answers_of(teacher, asked.to(device))
        return self.batches_of(asked, answers, seed, device, None if plain else self.augment)

    def teacher(self, data: ImageSet, seed: int, device: torch.device) -> Classifier:
        """The black box: trained on `data`, its outcome a function of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            teacher = self._teacher().to(device).train()
        batches = teacher.batches(data, seed, device)
        train(teacher.batch_loss, batches, teacher.epochs, teacher.optimizer(), teacher.lr)
        return teacher.eval()

    @torch.no_grad()
    def answers_of(self, teacher: Classifier, images: Tensor) -> Tensor:
        """What a student is told of images uint8 [N, C, H, W]: probabilities [N, classes]."""
        logits = torch.cat([teacher(part).float() for part in images.split(EVAL_BATCH)])
        if self.told == "labels":
            return one_hot(logits.argmax(1), self.classes).float()
        return logits.softmax(1)


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
