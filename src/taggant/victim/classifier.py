"""Image classifiers as victims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.data.mixing import Mix, Mixed
from taggant.victim.victim import EVAL_BATCH, Victim


class Classifier(Victim):
    """Cross-entropy classifier.

    A low learning rate and no weight decay let it memorise, which is what an audit of single
    instances needs.

    Parameters
    ----------
    net : callable
        Makes the network from (classes, channels, image_size).
    classes, channels, image_size : int
        Facts of the data.
    width : int, optional
        Passed on to `net`, for networks that have a width.
    patience : int, optional
        Epochs without a lower loss of held-out images after which training stops.
    label_smoothing : float
        Share of a label that is spread over all classes, 0..1; a smoothed label hides what a model
        has by heart.
    mix : callable, optional
        Mixes the images of a training batch, and their labels; see `taggant.data.mixing`.
    **training
        See `Victim`.

    Raises
    ------
    ValueError
        For a patience below 1, or a share outside 0..1.
    """

    answers: ClassVar[str] = "logits"
    against: ClassVar[str | None] = "labels"
    offers: ClassVar[frozenset[str]] = frozenset({"batch_loss", "logits", "relabelled", "wrong"})

    def __init__(
        self,
        net: Callable[..., nn.Module],
        classes: int,
        channels: int,
        image_size: int,
        width: int | None = None,
        patience: int | None = None,
        label_smoothing: float = 0.0,
        mix: Mix | None = None,
        **training: Any,
    ) -> None:
        super().__init__(**training)
        if patience is not None and patience < 1:
            raise ValueError(f"victim.patience = {patience}: accepted are 1, 2, 3, ... and null")
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"victim.label_smoothing = {label_smoothing}: accepted are numbers from 0 to 1"
            )
        size = {} if width is None else {"width": width}
        self.net = net(classes=classes, channels=channels, image_size=image_size, **size)
        self.net.to(memory_format=torch.channels_last)
        self.classes = classes
        self.patience = patience
        self.label_smoothing = label_smoothing
        self.mix = mix

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> logits [B, classes]."""
        logits: Tensor = self.net(self.pixels(images))
        return logits

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean cross-entropy of a batch."""
        return self.example_loss(batch).mean()

    def example_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Cross-entropy of every example, [B]."""
        return cross_entropy(
            self.logits(batch), batch[1], reduction="none", label_smoothing=self.label_smoothing
        )

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """Training batches of `data`, see `Victim.batches`; mixed, unless they are to be plain."""
        batches = super().batches(data, seed, device, plain)
        if plain or self.mix is None:
            return batches
        return Mixed(batches, self.mix, self.classes)

    def logits(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Logits float32 [B, classes] of a batch."""
        return self.forward(batch[0]).float()

    def relabelled(
        self, batch: tuple[Tensor, ...], generator: torch.Generator
    ) -> tuple[Tensor, ...]:
        """The batch with labels drawn uniformly from all, an image's own among them."""
        images, labels = batch
        drawn = torch.randint(self.classes, (len(labels),), generator=generator)
        return images, drawn.to(labels.device)

    def wrong(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Whether another class than its own is the likeliest for an image, bool [B]."""
        labels = batch[1] if batch[1].ndim == 1 else batch[1].argmax(1)  # of mixed images
        return self.logits(batch).argmax(1) != labels

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
    def held_out_loss(self, data: ImageSet) -> float:
        """Mean cross-entropy on a labelled set, as it is."""
        parts = zip(
            data.images.split(EVAL_BATCH), self.targets(data).split(EVAL_BATCH), strict=True
        )
        losses = [
            self.example_loss((images.to(self.device), labels.to(self.device)))
            for images, labels in parts
        ]
        return float(torch.cat(losses).mean())

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
