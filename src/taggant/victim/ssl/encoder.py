"""What encoders trained without labels have in common."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.networks import headless
from taggant.victim.victim import EVAL_BATCH, Victim

Probe = Callable[[Tensor, Tensor], float]
"""(features [N, D], labels [N]) -> accuracy, 0..1; see `taggant.victim.ssl.probes`."""


class Encoder(Victim):
    """A network without its classification layer, and a projector that only training uses.

    A subclass makes the projector, ``self.head``, for `features` inputs, and says what two views
    of a batch cost.

    Parameters
    ----------
    net : callable
        Makes a classifier from (classes, channels, image_size); its last layer is cut off.
    probe : callable
        What the features are good for: (features, labels) of held-out images -> accuracy.
    classes, channels, image_size : int
        Facts of the data.
    width : int, optional
        Passed on to `net`, for networks that have a width.
    **training
        See `Victim`; ``augment`` makes two views, see `taggant.victim.ssl.views`.
    """

    answers: ClassVar[str] = "embedding"
    images_compared: ClassVar[int] = 2
    head: nn.Module

    def __init__(
        self,
        net: Callable[..., nn.Module],
        probe: Probe,
        classes: int,
        channels: int,
        image_size: int,
        width: int | None = None,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        size = {} if width is None else {"width": width}
        self._net = functools.partial(
            net, classes=classes, channels=channels, image_size=image_size, **size
        )
        self.backbone, self.features = self.new_backbone()
        self.probe = probe

    def new_backbone(self) -> tuple[nn.Module, int]:
        """The network without its classification layer, and how many features it gives."""
        backbone, features = headless(self._net(), "victim.net")
        return backbone.to(memory_format=torch.channels_last), features

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> features [B, D]."""
        features: Tensor = self.backbone(self.pixels(images))
        return features

    def project(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> the projector's output [B, P]."""
        projected: Tensor = self.head(self(images))
        return projected

    @abstractmethod
    def loss(self, first: Tensor, second: Tensor) -> Tensor:
        """Cost of two views of a batch, each uint8 [B, C, H, W]."""

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of `data`: of views also where `plain`, for its loss compares two."""
        return self.batches_of(data.images, self.targets(data), seed, device, self.augment)

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        """See `Victim.training_step`.

        Raises
        ------
        ValueError
            In a training on several devices, each of which would compare its own share only.
        """
        if self.trainer.world_size > 1:
            raise ValueError("encoders are trained on one device: trainer.devices=1")
        return super().training_step(batch, index)

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Cost of a batch of views uint8 [B, 2, C, H, W]."""
        return self.loss(*batch[0].unbind(1))

    def targets(self, data: ImageSet) -> Tensor:
        """Nothing: zeros [N]. An encoder's answers are compared with each other."""
        return torch.zeros(len(data))

    @torch.no_grad()
    def utility(self, data: ImageSet) -> float:
        """Accuracy of the probe on held-out images, 0..1; NaN for images without labels."""
        if data.labels is None:
            return float("nan")
        parts = [self(images.to(self.device)) for images in data.images.split(EVAL_BATCH)]
        return self.probe(torch.cat(parts).float().cpu(), data.labels)


def both(function: Callable[[Tensor], Tensor], first: Tensor, second: Tensor) -> list[Tensor]:
    """A function of two views in one pass, so that batch norm sees them together."""
    return list(function(torch.cat([first, second])).chunk(2))
