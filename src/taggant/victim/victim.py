"""What every victim has in common: pixels in, batches, optimiser and snapshots."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from taggant.data.batches import Augment, Batches
from taggant.data.imageset import ImageSet
from taggant.optim import nesterov_sgd, one_cycle, trained_parameters

EVAL_BATCH = 512
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Victim(pl.LightningModule):
    """A model that normalises inside: it takes the uint8 pixels as published.

    Trained with Nesterov SGD under a one-cycle schedule. A subclass says what it answers with,
    what its answers are compared with, how a batch is learned and what it is good for.

    Parameters
    ----------
    epochs, batch_size : int
        Length of training, and images per step.
    lr, momentum, weight_decay : float
        Peak learning rate and the usual SGD parameters.
    snapshots : int or sequence of int
        Epochs (from 1) after which the weights are kept for detection curves: that many, evenly
        spaced, or exactly those.
    mean, std : sequence of float
        Per channel, of pixel values / 255.
    augment : callable, optional
        Training augmentation on uint8 batches.
    warmup : float, optional
        Share of training after which the learning rate is at its peak; None keeps it constant.

    Raises
    ------
    ValueError
        For a snapshot outside 1..epochs or a non-positive learning rate.
    """

    answers: ClassVar[str]
    against: ClassVar[str | None] = None
    """What `targets` are: labels or captions; None where answers are compared with nothing."""

    offers: ClassVar[frozenset[str]] = frozenset({"batch_loss"})
    """What unlearning methods may call, beyond training it anew: see `Unlearnable`."""

    differentiable: ClassVar[bool] = True
    """Whether its answers have a gradient by the pixels, which some scores go by."""

    images_compared: ClassVar[int] = 1
    """Images that the loss compares with each other, at least."""

    patience: int | None = None
    """Epochs without a lower loss of held-out images after which training stops; None: never."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        epochs: int,
        batch_size: int,
        lr: float,
        momentum: float,
        weight_decay: float,
        snapshots: int | Sequence[int],
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment | None = None,
        warmup: float | None = 0.3,
    ) -> None:
        super().__init__()
        if lr <= 0:
            raise ValueError(f"victim.lr = {lr}: a positive learning rate is needed")
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.snapshots = snapshot_epochs(snapshots, epochs)
        self.augment = augment
        self.warmup = warmup

    @property
    def min_batch_size(self) -> int:
        """Images that a batch has at least: batch norm learns nothing from one alone."""
        normed = any(isinstance(part, BATCH_NORMS) for part in self.modules())
        return max(self.images_compared, 2 if normed else 1)

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> what `answers` says."""

    @abstractmethod
    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Training loss of a batch, images first: the mean over its examples, a scalar."""

    @abstractmethod
    def targets(self, data: ImageSet) -> Tensor:
        """What scores compare the answers with, [N, ...]."""

    @abstractmethod
    def utility(self, data: ImageSet) -> float:
        """What the model is good for on held-out images."""

    def prepare(self, train: ImageSet) -> None:
        """Take from the training set what the weights are to begin with; nothing here."""

    def training_step(self, batch: tuple[Tensor, ...], index: int) -> Tensor:
        """Loss of a batch; its mean over the epoch is the history's ``train_loss``."""
        loss = self.batch_loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return loss

    def shown(self, images: Tensor) -> Tensor:
        """Images [B, C, H, W], 0..255, in floats: what answers can be differentiated by."""
        return images.float()

    def pixels(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> normalised, channels last.

        Images that are `shown` are taken too, so that gradients reach them.
        """
        pixels = images.to(self.mean.dtype).div(255)
        pixels = pixels.sub_(self.mean).div_(self.std)
        return pixels.contiguous(memory_format=torch.channels_last)

    def on_train_batch_end(self, *_: object) -> None:
        """Call `after_step` with the share of the training that is done."""
        steps = int(self.trainer.estimated_stepping_batches)
        self.after_step(min(self.global_step / steps, 1.0))

    @torch.no_grad()
    def after_step(self, progress: float = 0.0) -> None:
        """What follows every step of the weights, in training and unlearning alike; nothing here.

        Parameters
        ----------
        progress : float
            Share of the training that is done, 0..1; unlearning goes on as training began, at 0.
        """

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of `data` for one run.

        Parameters
        ----------
        data : ImageSet
        seed : int
            Order and augmentation are functions of it.
        device : torch.device
        plain : bool
            Every image once and as it is, without augmentation.
        """
        augment = None if plain else self.augment
        return self.batches_of(data.images, self.targets(data), seed, device, augment)

    def batches_of(
        self,
        images: Tensor,
        targets: Tensor,
        seed: int,
        device: torch.device,
        augment: Augment | None,
    ) -> Batches:
        """Batches of images [N, ...] and their targets [N, ...], of this victim's size."""
        return Batches(images, targets, self.batch_size, seed, augment, device, self.min_batch_size)

    def measures(self, data: ImageSet) -> dict[str, float]:
        """What the history records of held-out images: ``utility``, and what else there is."""
        return {"utility": self.utility(data)}

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Nesterov SGD at `rate` times the peak learning rate."""
        weights = trained_parameters(self)
        return nesterov_sgd(weights, rate * self.lr, self.momentum, self.weight_decay)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer and its schedule."""
        return self.scheduled(self.optimizer())

    def scheduled(self, optimizer: torch.optim.Optimizer) -> OptimizerLRScheduler:
        """An optimizer, its rate constant or one cycle over the whole training."""
        if self.warmup is None:
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        peaks = [group["lr"] for group in optimizer.param_groups]
        schedule = one_cycle(optimizer, peaks, steps, self.warmup)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


@runtime_checkable
class HeldOut(Protocol):
    """A victim whose training may stop by its loss of held-out images."""

    patience: int | None

    def held_out_loss(self, data: ImageSet) -> float:
        """Mean loss of a set as it is."""


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
