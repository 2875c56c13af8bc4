"""Image classifiers as victims."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.data.batches import Augment, Batches
from taggant.data.imageset import ImageSet

EVAL_BATCH = 512


class Classifier(pl.LightningModule):
    """Cross-entropy classifier that normalises inside: it takes the uint8 pixels as published.

    Trained with Nesterov SGD under a one-cycle schedule. A low learning rate and no weight decay
    let it memorise, which is what an audit of single instances needs.

    Parameters
    ----------
    net : callable
        Makes the network from (classes, channels, image_size).
    epochs, batch_size : int
        Length of training, and images per step.
    lr, momentum, weight_decay : float
        Peak learning rate and the usual SGD parameters.
    snapshots : int or sequence of int
        Epochs (from 1) after which the weights are kept for detection curves: that many, evenly
        spaced, or exactly those.
    augment : callable, optional
        Training augmentation on uint8 batches.
    width : int, optional
        Passed on to `net`, for networks that have a width.
    classes, channels, image_size : int
        Facts of the data.
    mean, std : sequence of float
        Per channel, of pixel values / 255.

    Raises
    ------
    ValueError
        For a snapshot outside 1..epochs or a non-positive learning rate.
    """

    answers: ClassVar[str] = "logits"

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        net: Callable[..., nn.Module],
        epochs: int,
        batch_size: int,
        lr: float,
        momentum: float,
        weight_decay: float,
        snapshots: int | Sequence[int],
        classes: int,
        channels: int,
        image_size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__()
        if lr <= 0:
            raise ValueError(f"victim.lr = {lr}: a positive learning rate is needed")
        size = {} if width is None else {"width": width}
        self.net = net(classes=classes, channels=channels, image_size=image_size, **size)
        self.net.to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.snapshots = snapshot_epochs(snapshots, epochs)
        self.augment = augment

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> logits [B, classes]."""
        pixels = images.to(self.mean.dtype).div_(255)
        pixels = pixels.sub_(self.mean).div_(self.std)
        return self.net(pixels.contiguous(memory_format=torch.channels_last))  # type: ignore[no-any-return]

    def batches(self, data: ImageSet, seed: int, device: torch.device) -> Batches:
        """Training batches of `data` for one run."""
        return Batches(data.images, self.targets(data), self.batch_size, seed, self.augment, device)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Mean cross-entropy of a batch."""
        images, labels = batch
        loss = cross_entropy(self(images).float(), labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(labels))
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Nesterov SGD, one cycle over the whole training."""
        optimizer = torch.optim.SGD(
            self.parameters(),
            lr=self.lr,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            nesterov=self.momentum > 0,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.lr, total_steps=steps, cycle_momentum=False
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def targets(self, data: ImageSet) -> Tensor:
        """What scores compare the answers with: the labels, int64 [N].

        Raises
        ------
        ValueError
            For a set without labels.
        """
        if data.labels is None:
            raise ValueError(f"{data.name} has no labels: a classifier needs them")
        return data.labels

    @torch.no_grad()
    def utility(self, data: ImageSet) -> float:
        """Accuracy on a labelled set, 0..1."""
        hits = 0
        for images, labels in zip(
            data.images.split(EVAL_BATCH), self.targets(data).split(EVAL_BATCH), strict=True
        ):
            predicted = self(images.to(self.device)).argmax(1)
            hits += int((predicted == labels.to(self.device)).sum())
        return hits / len(data)


def snapshot_epochs(snapshots: int | Sequence[int], epochs: int) -> tuple[int, ...]:
    """Epochs at which weights are kept, sorted, the last epoch always among them.

    Raises
    ------
    ValueError
        For epochs < 1 or a snapshot outside 1..epochs.
    """
    if epochs < 1:
        raise ValueError(f"victim.epochs = {epochs}: accepted are 1, 2, 3, ...")
    if isinstance(snapshots, int):
        count = min(snapshots, epochs)
        chosen = {math.ceil(epochs * (i + 1) / count) for i in range(count)}
    else:
        chosen = set(snapshots)
    wrong = sorted(e for e in chosen if not 1 <= e <= epochs)
    if wrong:
        raise ValueError(f"victim.snapshots = {wrong}: accepted are epochs 1 to {epochs}")
    return tuple(sorted(chosen | {epochs}))
