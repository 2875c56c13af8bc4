"""Images pass through a diffusion model on their way to the classifier."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.data.purify import content_noise
from taggant.defence.defence import Defence, Tuning
from taggant.optim import train
from taggant.victim.generative.denoiser import STEPS, cosine_schedule
from taggant.victim.generative.networks import PatchedUNet
from taggant.victim.victim import Victim

LR = 1e-3
BATCH = 50
PATCH = 2
LEVELS = (1, 2)


class Diffused(Defence):
    """Asks about an image that was made noisy, then denoised by a model of the training images.

    The noise follows from the image's pixels, so that what is asked does too.

    Parameters
    ----------
    width : int
        Channels of the denoiser's first level.
    epochs : int
        Passes over the training images.
    timestep : int
        How noisy images become: 1 to 999 of 1,000 timesteps; at 999 nothing of them is left.
    passes : int
        Steps of the way back, by DDIM; 1 to `timestep`.

    Raises
    ------
    ValueError
        For numbers that are not accepted.

    Notes
    -----
    Source: Nie et al., "Diffusion models for adversarial purification" (2022), here with fixed
    noise, a small model trained here and a deterministic way back.
    """

    net: PatchedUNet
    kept: Tensor

    def __init__(self, width: int, epochs: int, timestep: int, passes: int) -> None:
        super().__init__()
        if width < 1 or epochs < 1 or not 1 <= passes <= timestep < STEPS:
            raise ValueError(
                f"defence.diffusion: width = {width}, epochs = {epochs}, timestep = {timestep}, "
                f"passes = {passes}: accepted are width and epochs from 1, and 1 <= passes <= "
                f"timestep < {STEPS}"
            )
        self.width, self.epochs = width, epochs
        self.timesteps = torch.linspace(timestep, 0, passes + 1).round().int().tolist()

    def prepare(self, data: ImageSet) -> None:
        """See `Defence.prepare`."""
        channels, side = data.images.shape[1:3]
        self.net = PatchedUNet(channels, side, self.width, LEVELS, 1, PATCH, False, None)
        self.register_buffer("kept", cosine_schedule().alphas_cumprod, persistent=False)

    def tune(self, victim: Victim, known: Tuning) -> None:
        """Train the denoiser."""
        self.to(known.device)
        images = known.train.images
        batches = Batches(images, images, BATCH, known.seed, device=known.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(known.seed)
            train(self._loss, batches, self.epochs, torch.optim.Adam(self.net.parameters()), LR)

    def _loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        clean = _centred(batch[0])
        noise = torch.randn_like(clean)
        timesteps = torch.randint(STEPS, (len(clean),), device=clean.device)
        return mse_loss(self._noise(self._noisy(clean, noise, timesteps), timesteps), noise)

    def _noisy(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        kept = self.kept[timesteps].view(-1, 1, 1, 1)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def _noise(self, noisy: Tensor, timesteps: Tensor) -> Tensor:
        found: Tensor = self.net(noisy, timesteps, timesteps)
        return found

    def question(self, images: Tensor) -> Tensor:
        """See `Defence.question`."""
        clean = _centred(images)
        noise = content_noise(images, images[0].numel()).view_as(clean)
        for timestep in self.timesteps[:-1]:
            now = torch.full((len(images),), timestep, device=images.device)
            noisy = self._noisy(clean, noise, now)
            noise = self._noise(noisy, now)
            kept = self.kept[timestep]
            clean = ((noisy - (1 - kept).sqrt() * noise) / kept.sqrt()).clamp(-1, 1)
        return ((clean + 1) * 127.5).round().to(torch.uint8)


def _centred(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1
