"""Images pass through an autoencoder on their way to the model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence, Tuning
from taggant.optim import train
from taggant.victim.victim import Victim

LR = 1e-3
BATCH = 50


class Autoencoded(Defence):
    """Asks the model about a reconstruction, by a network that learned the training images.

    Parameters
    ----------
    width : int
        Channels of the code, which has a quarter of the image's sides.
    epochs : int
        Passes over the training images.
    """

    net: nn.Sequential

    def __init__(self, width: int, epochs: int) -> None:
        super().__init__()
        if width < 1 or epochs < 1:
            raise ValueError(
                f"defence.autoencoder: width = {width}, epochs = {epochs}: accepted are 1, 2, ..."
            )
        self.width, self.epochs = width, epochs

    def prepare(self, data: ImageSet) -> None:
        """See `Defence.prepare`."""
        channels, width = data.images.shape[1], self.width
        self.net = nn.Sequential(
            nn.Conv2d(channels, 32, 3, 2, 1),
            nn.SiLU(),
            nn.Conv2d(32, width, 3, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(width, 32, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(32, channels, 4, 2, 1),
        )

    def tune(self, victim: Victim, known: Tuning) -> None:
        """Train the network."""
        self.to(known.device)
        images = known.train.images
        batches = Batches(images, images, BATCH, known.seed, device=known.device)
        optimizer = torch.optim.Adam(self.net.parameters(), lr=LR)
        train(self._loss, batches, self.epochs, optimizer, LR)

    def _loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        return mse_loss(self.net(_centred(batch[0])), _centred(batch[0]))

    def question(self, images: Tensor) -> Tensor:
        """See `Defence.question`; sides of the image are multiples of 4."""
        again = self.net(_centred(images))[..., : images.shape[-2], : images.shape[-1]]
        pixels: Tensor = ((again + 0.5) * 255).round().clamp(0, 255).to(torch.uint8)
        return pixels


def _centred(images: Tensor) -> Tensor:
    return images.float() / 255 - 0.5
