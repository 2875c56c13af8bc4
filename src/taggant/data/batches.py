"""Training batches from a set that lives whole on the device."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]


class Batches:
    """Shuffled batches (images uint8 [B, C, H, W], targets [B, ...]) of a set.

    Order and augmentation are functions of (seed, epoch, step): a run that resumes at an epoch
    sees what the uninterrupted run saw, and no generator state needs saving. The last, smaller
    batch of an epoch is kept.

    Parameters
    ----------
    images : Tensor, uint8 [N, C, H, W], 0..255
    targets : Tensor [N, ...]
        What each image is trained towards: labels, say. Both are moved to `device` once.
    batch_size : int
        Images per step, at least 1.
    seed : int
        Stage seed.
    augment : callable, optional
        Takes (images uint8, generator) and returns images of the same shape.
    device : str or torch.device
        Where the set lives.
    min_batch_size : int
        Images that a batch has at least: the last batch takes what it lacks from the one before.

    Raises
    ------
    ValueError
        For a batch size < 1, or too few images for batches as large as `min_batch_size`.
    """

    def __init__(
        self,
        images: Tensor,
        targets: Tensor,
        batch_size: int,
        seed: int,
        augment: Augment | None = None,
        device: torch.device | str = "cpu",
        min_batch_size: int = 1,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"victim.batch_size = {batch_size}: accepted are 1, 2, 3, ...")
        check_min_batch_size(len(targets), batch_size, min_batch_size)
        self.images = images.to(device)
        self.targets = targets.to(device)
        self.batch_size = batch_size
        self.seed = seed
        self.augment = augment
        self.min_batch_size = min_batch_size
        self.epoch = 0

    def with_at_least(self, images: int) -> Batches:
        """The same batches, none of fewer than `images` images.

        Raises
        ------
        ValueError
            If there are too few images for that.
        """
        check_min_batch_size(len(self.targets), self.batch_size, images)
        other = copy.copy(self)
        other.min_batch_size = images
        return other

    @property
    def sampler(self) -> Batches:
        """Lightning tells a loader's sampler the epoch; the order is kept here."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order the next iteration follows."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.targets) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for step, chosen in enumerate(self.order()):
            images = self.images[chosen]
            if self.augment is not None:
                images = self.augment(images, self._generator(self.images.device, 1 + step))
            yield images, self.targets[chosen]

    def order(self) -> Sequence[Tensor]:
        """Which images each step of the epoch takes: their numbers, int64 [B] on the device."""
        return self._chosen(self._generator("cpu", 0))

    def _chosen(self, generator: torch.Generator) -> Sequence[Tensor]:
        order = torch.randperm(len(self.targets), generator=generator).to(self.images.device)
        parts = list(torch.split(order, self.batch_size))
        lacking = self.min_batch_size - len(parts[-1]) if parts else 0
        if lacking > 0 and len(parts) > 1:
            *parts, last, short = parts
            parts += [last[:-lacking], torch.cat([last[-lacking:], short])]
        return parts

    def _generator(self, device: torch.device | str, stream: int) -> torch.Generator:
        # Torch's CPU generator looks at 32 bits of its seed only, so they are mixed first.
        mixed = np.random.SeedSequence([self.seed, self.epoch, stream]).generate_state(1)
        return torch.Generator(device).manual_seed(int(mixed[0]))


def check_min_batch_size(images: int, batch_size: int, min_batch_size: int) -> None:
    """Refuse sets of which no order gives batches of at least `min_batch_size` images."""
    left = images % batch_size
    short = 0 < left < min_batch_size and (
        images < min_batch_size or batch_size + left < 2 * min_batch_size
    )
    if images and (short or batch_size < min_batch_size):
        raise ValueError(
            f"victim.batch_size = {batch_size} for {images} images leaves a batch of fewer than "
            f"{min_batch_size}, from which this victim (batch norm, or images compared with each "
            "other) learns nothing"
        )
