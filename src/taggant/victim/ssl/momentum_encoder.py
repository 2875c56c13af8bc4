"""Encoders that learn from a slowly moving average of themselves."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import torch
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from taggant.victim.ssl.encoder import Encoder


class MomentumEncoder(Encoder):
    """A student, which is the encoder that is audited, and a teacher that follows it.

    After every step, of training and of unlearning, each weight of the teacher becomes ``m`` times
    itself plus ``1 - m`` times the student's. The teacher is part of the module's state, so a
    killed training goes on with it.

    Parameters
    ----------
    teacher_momentum : (float, float)
        ``m`` at the start and the end of training, on half a cosine in between; equal ones keep
        it. Unlearning goes on with the first.
    **encoder
        See `Encoder`.

    Raises
    ------
    ValueError
        For a momentum outside 0..1.
    """

    def __init__(self, teacher_momentum: tuple[float, float], **encoder: Any) -> None:
        super().__init__(**encoder)
        if not all(0 <= m <= 1 for m in teacher_momentum):
            raise ValueError(
                f"victim.teacher_momentum = {list(teacher_momentum)}: accepted are 0 to 1"
            )
        self.teacher_momentum = tuple(teacher_momentum)
        self.head = self.new_head()
        body, _ = self.new_backbone()
        self.teacher = nn.Sequential(body, self.new_head())
        body.load_state_dict(self.backbone.state_dict())
        self.teacher[1].load_state_dict(self.head.state_dict())
        deactivate_requires_grad(self.teacher)

    @abstractmethod
    def new_head(self) -> nn.Module:
        """A projector for ``self.features`` inputs."""

    @torch.no_grad()
    def project_teacher(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> what the teacher projects them to [B, P]."""
        projected: Tensor = self.teacher(self.pixels(images))
        return projected

    def after_step(self, progress: float = 0.0) -> None:
        """Move the teacher towards the student, by the momentum of this moment of training."""
        first, last = self.teacher_momentum
        self.follow(last - (last - first) * (math.cos(math.pi * progress) + 1) / 2)

    def follow(self, momentum: float) -> None:
        """Move the teacher by ``1 - momentum`` of its way to the student."""
        for student, teacher in zip((self.backbone, self.head), self.teacher, strict=True):
            update_momentum(student, teacher, momentum)
