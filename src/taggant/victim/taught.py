"""Classifiers that learn what other classifiers of the same make say."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.optim import train
from taggant.victim.classifier import Classifier
from taggant.victim.victim import EVAL_BATCH


class Taught(Classifier):
    """A student; a subclass says of which images, and who teaches it.

    It offers unlearning methods nothing: what it learned are its teachers' answers, and there is no
    loss of the published images to go on with. To retrain it is to train its teachers anew too.

    Teachers are trained in float32, trained again where an interrupted run goes on, and not kept.

    Parameters
    ----------
    *classifier, **more
        See `Classifier`; of student and teachers, which start from weights of their own.
    """

    offers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *classifier: Any, **more: Any) -> None:
        super().__init__(*classifier, **more)
        self._untaught = partial(Classifier, *classifier, **more)

    @abstractmethod
    def lesson(self, data: ImageSet, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """What is learned in place of `data`: images uint8 [N, C, H, W], confidences [N, classes].

        A function of the data and the seed.
        """

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of the `lesson`."""
        images, answers = self.lesson(data, seed, device)
        return self.batches_of(images, answers, seed, device, None if plain else self.augment)

    def teacher(self, data: ImageSet, seed: int, device: torch.device) -> Classifier:
        """A classifier trained on `data`, its outcome a function of the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            teacher = self._untaught().to(device).train()
        batches = teacher.batches(data, seed, device)
        train(teacher.batch_loss, batches, teacher.epochs, teacher.optimizer(), teacher.lr)
        return teacher.eval()

    @torch.no_grad()
    def confidences(self, teacher: Classifier, images: Tensor) -> Tensor:
        """What a teacher says of images uint8 [N, C, H, W]: [N, classes]."""
        return torch.cat([teacher(part).float().softmax(1) for part in images.split(EVAL_BATCH)])
