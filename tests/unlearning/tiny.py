"""A network of 17 weights on images of four pixels, everything given by a formula.

Small and fixed, so that what a paper's code makes of it can be written down: in float64, batches
of four in the set's own order, no augmentation.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet, content_ids
from taggant.unlearning.request import Request

CLASSES, BATCH = 3, 4
FORGET, RETAIN = 6, 8
LR, MOMENTUM, DECAY = 0.2, 0.9, 0.01


class Tiny(nn.Module):
    """tanh(x W'), then a linear layer: four pixels -> two features -> three classes."""

    offers = frozenset({"batch_loss", "logits", "relabelled", "wrong"})

    def __init__(self, shift: float = 0.0) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 2, bias=False, dtype=torch.float64)
        self.head = nn.Linear(2, CLASSES, dtype=torch.float64)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(
                    torch.arange(weight.numel()).double().add(1 + shift).sin().view_as(weight)
                )

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.hidden(images.double().flatten(1) / 128 - 1).tanh())

    def logits(self, batch):
        return self(batch[0])

    def batch_loss(self, batch):
        return cross_entropy(self(batch[0]), batch[1])

    def wrong(self, batch):
        return self(batch[0]).argmax(1) != batch[1]

    def relabelled(self, batch, generator):
        return batch[0], torch.randint(CLASSES, batch[1].shape, generator=generator)

    def after_step(self, progress=0.0):
        pass

    def batches(self, data, seed, device, plain=False):
        return InOrder(data.images, data.labels, BATCH, seed)

    def optimizer(self, rate):
        return torch.optim.SGD(self.parameters(), rate * LR, momentum=MOMENTUM, weight_decay=DECAY)


class InOrder(Batches):
    """Batches in the set's own order."""

    def _chosen(self, generator):
        return list(torch.arange(len(self.targets)).split(self.batch_size))


def images_of(count: int, start: int) -> ImageSet:
    """`count` images, the `start`-th and so on of one sequence."""
    number = torch.arange(start, start + count)
    pixels = (37 * number[:, None] + 101 * torch.arange(4) + 11 * number[:, None] ** 2) % 256
    images = pixels.to(torch.uint8).view(count, 1, 2, 2)
    return ImageSet(
        images=images,
        ids=content_ids(images),
        labels=(number + number // 3) % CLASSES,
        captions=None,
        name="four pixels",
        class_names=("a", "b", "c"),
        mean=(0.5,),
        std=(0.3,),
    )


def request() -> Request:
    """To forget the first six of fourteen."""
    model = Tiny()
    sets = images_of(FORGET, 1), images_of(RETAIN, 1 + FORGET)
    return Request(model, *sets, 5, torch.device("cpu"), copy.deepcopy, lambda: Tiny(shift=2.0))


def weights(model: nn.Module) -> Tensor:
    """All 17, float64."""
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])
