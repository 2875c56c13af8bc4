"""A classifier that knows of each image what models that never saw it say (SELENA)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.victim.taught import Taught


class SplitEnsemble(Taught):
    """The student of an ensemble whose members answer only for what they did not learn.

    For every training image some of the members, drawn at random, go without it; their mean
    confidences are what the student learns of it. So the labels of published images are learned
    from other images only - and the images themselves from the student's own training.

    Parameters
    ----------
    members : int
        Models of the ensemble.
    without : int
        Members that do not learn an image, 1 to one less than there are.
    *classifier, **more
        See `taggant.victim.classifier.Classifier`.

    Raises
    ------
    ValueError
        For numbers that are not accepted.

    Notes
    -----
    Source: Tang et al., "Mitigating membership inference attacks by self-distillation through a
    novel ensemble architecture" (2022), Split-AI followed by self-distillation; there with 25
    members, 10 of them without an image.
    """

    def __init__(self, *classifier: Any, members: int, without: int, **more: Any) -> None:
        super().__init__(*classifier, **more)
        if not 1 <= without < members:
            raise ValueError(
                f"victim.members = {members}, victim.without = {without}: accepted are 1 <= "
                "without < members"
            )
        self.members, self.without = members, without

    def lesson(self, data: ImageSet, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """The training images, with the mean confidences of the members that never saw them."""
        said = torch.zeros(len(data), self.classes, device=device)
        for member, unseen in enumerate(self.unseen(len(data), seed)):
            teacher = self.teacher(data.select(np.flatnonzero(~unseen)), seed + member, device)
            rows = torch.from_numpy(unseen).to(device)
            said[rows] += self.confidences(teacher, data.images.to(device)[rows])
        return data.images, said / self.without

    def unseen(self, count: int, seed: int) -> NDArray[np.bool_]:
        """Which of so many images each member goes without, bool [members, count]."""
        order = np.random.default_rng(seed).random((self.members, count)).argsort(0)
        return np.asarray(order < self.without)
