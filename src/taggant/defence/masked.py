"""Confidences that a membership classifier cannot tell from those of images never seen."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence, Tuning
from taggant.victim.victim import EVAL_BATCH, Victim

STEPS = 20
FITTING = 300
SMALLEST = 1e-12


class Masked(Defence):
    """Moves each answer towards the mean answer to unseen images of the same predicted class.

    It goes as far as a logistic classifier of the maker's own, on sorted log-confidences of learned
    and held-out images, needs to call the image unseen; the predicted class stays. Accuracy is
    unharmed, and answers follow from the image alone.

    Notes
    -----
    In the manner of Jia et al., "MemGuard: Defending against black-box membership inference attacks
    via adversarial examples" (CCS 2019): their noise is an adversarial example against a network,
    added with a probability that bounds the mean distortion; this is a line search.
    """

    of_logits: ClassVar[bool] = True
    judge: nn.Linear
    profiles: Tensor

    def prepare(self, data: ImageSet) -> None:
        """See `Defence.prepare`."""
        classes = len(data.class_names)
        self.judge = nn.Linear(classes, 1)
        self.register_buffer("profiles", torch.full((classes, classes), 1 / classes))

    def tune(self, victim: Victim, known: Tuning) -> None:
        """Fit the classifier, and each class's mean answer."""
        self.to(known.device)
        learned, unseen = (_answers(victim, data) for data in (known.train, known.held_out))
        for kind in range(len(self.profiles)):
            of_kind = unseen[unseen.argmax(1) == kind]
            if len(of_kind):
                self.profiles[kind] = of_kind.mean(0)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(known.seed)
            self.judge.reset_parameters()
            self._fit(learned, unseen)
        self.judge.requires_grad_(False)

    def _fit(self, learned: Tensor, unseen: Tensor) -> None:
        features = _features(torch.cat([learned, unseen]))
        member = torch.cat([torch.ones(len(learned)), torch.zeros(len(unseen))])
        member = member.to(features.device)
        weight = torch.where(member == 1, 1 / len(learned), 1 / len(unseen))
        optimizer = torch.optim.Adam(self.judge.parameters(), lr=0.1)
        for _ in range(FITTING):
            optimizer.zero_grad()
            loss = binary_cross_entropy_with_logits(
                self.judge(features)[:, 0], member, weight, reduction="sum"
            )
            loss.backward()
            optimizer.step()

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """Logarithms of the confidences that are shown."""
        known = answers.float().softmax(1)
        kind = known.argmax(1)
        towards, shown = self.profiles[kind], known
        suspect = torch.ones_like(kind, dtype=torch.bool)
        for step in range(1, STEPS + 1):
            suspect = suspect & (self.judge(_features(shown))[:, 0] > 0)
            moved = torch.lerp(known, towards, step / STEPS)
            shown = torch.where((suspect & (moved.argmax(1) == kind))[:, None], moved, shown)
        return shown.clamp(min=SMALLEST).log()


def _features(confidences: Tensor) -> Tensor:
    return confidences.clamp(min=1e-6).log().sort(1, descending=True).values


@torch.no_grad()
def _answers(victim: Victim, data: ImageSet) -> Tensor:
    parts = data.images.split(EVAL_BATCH)
    return torch.cat([victim(part.to(victim.device)).float().softmax(1) for part in parts])
