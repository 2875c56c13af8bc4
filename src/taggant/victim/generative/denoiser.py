"""What all victims that generate by removing noise have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import Tensor
from torch.nn.functional import mse_loss

from taggant.data.batches import Batches
from taggant.data.imageset import ImageSet
from taggant.optim import adam, trained_parameters
from taggant.victim.generative import samples
from taggant.victim.victim import EVAL_BATCH, Victim

STEPS = 1000
"""Timesteps of the forward process."""
SAMPLING_STEPS = 25
SAMPLED_AT_ONCE = 64


def cosine_schedule(bounded: bool = True) -> Any:
    """The squared-cosine schedule of Nichol and Dhariwal (2021).

    Parameters
    ----------
    bounded : bool
        Whether what is denoised lies between -1 and 1.
    """
    return DDPMScheduler(STEPS, beta_schedule="squaredcos_cap_v2", clip_sample=bounded)


class Denoiser(Victim):
    """A model that learns to predict the noise in noisy images, and so to generate images.

    Its answer to an image is what its denoiser works on. Scores ask the denoiser itself
    (`predicted_noise`): an audit needs the weights, or whoever has them to answer. Adam on the mean
    squared error of the noise, timesteps drawn uniformly.

    A subclass makes the network that `noise` asks, and says what is denoised.

    Parameters
    ----------
    schedule : diffusers' scheduler
        How much noise there is at which of 1,000 timesteps.
    shape : (int, int, int)
        Of what is denoised.
    samples : int
        Images that are sampled at each snapshot, for the history; 0 samples none.
    channels : int
        Of images, whose pixels become -1 to 1.
    **training
        See `Victim`; ``momentum`` is Adam's first beta.
    """

    answers: ClassVar[str] = "latents"
    offers: ClassVar[frozenset[str]] = frozenset({"batch_loss", "noise"})

    def __init__(
        self,
        schedule: Any,
        shape: tuple[int, int, int],
        samples: int,
        channels: int,
        **training: Any,
    ) -> None:
        middle = (0.5,) * channels
        super().__init__(mean=middle, std=middle, **training)
        self.schedule = schedule
        self.register_buffer("kept", schedule.alphas_cumprod, persistent=False)
        self.shape, self.samples = shape, samples
        self.known: Tensor | None = None

    @abstractmethod
    def noise(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Noise [B, ...] in noisy latents [B, ...] at timesteps int64 [B], as training sees it."""

    def decode(self, latents: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] of latents [B, ...]; here these are pixels from -1 to 1."""
        return ((latents.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

    def batches(
        self, data: ImageSet, seed: int, device: torch.device, plain: bool = False
    ) -> Batches:
        """See `Victim.batches`; the images are kept in mind, to know copies of them."""
        self.known = data.images
        return super().batches(data, seed, device, plain)

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean squared error of the noise predicted in a batch, one timestep an image."""
        return self.noise_loss(self(batch[0]), batch[1])

    def noise_loss(self, latents: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of the noise predicted in latents [B, ...], one timestep each."""
        noise = torch.randn_like(latents)
        timesteps = torch.randint(STEPS, (len(latents),), device=latents.device)
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        return mse_loss(self.noise(noisy, timesteps, condition).float(), noise.float())

    def predicted_noise(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """Noise float32 [B, ...] that the model in use sees in noisy latents [B, ...].

        Parameters
        ----------
        noisy : Tensor [B, ...]
        condition : Tensor [B, ...]
            Rows of `targets`.
        timestep : int
            0 to 999, the same for all.
        """
        timesteps = torch.full((len(noisy),), timestep, device=noisy.device)
        return self.noise(noisy, timesteps, condition).float()

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Adam at `rate` times the learning rate."""
        weights = trained_parameters(self)
        return adam(weights, rate * self.lr, self.momentum, self.weight_decay)

    @torch.no_grad()
    def utility(self, data: ImageSet) -> float:
        """Share of the noise that is explained in held-out images, at most 1.

        One minus the mean squared error over timesteps that are spread evenly, fixed noise.
        """
        generator = torch.Generator().manual_seed(0)
        errors = []
        parts = zip(
            data.images.split(EVAL_BATCH), self.targets(data).split(EVAL_BATCH), strict=True
        )
        for images, condition in parts:
            latents = self(images.to(self.device)).float()
            for timestep in range(50, STEPS, 100):
                noise = torch.randn(latents.shape, generator=generator).to(latents)
                timesteps = torch.full((len(latents),), timestep, device=latents.device)
                noisy = self.schedule.add_noise(latents, noise, timesteps)
                seen = self.predicted_noise(noisy, condition.to(self.device), timestep)
                errors.append((seen - noise).square().flatten(1).mean(1))
        return 1 - float(torch.cat(errors).mean())

    def measures(self, data: ImageSet) -> dict[str, float]:
        """`utility`, and what samples are like.

        ``frechet``: distance of samples to held-out images, see `samples.frechet`; ``copies``:
        share of samples that copy a training image, while these are known.
        """
        found = {"utility": self.utility(data)}
        if self.samples < 2:
            return found
        made = self.sample(self.targets(data)[torch.arange(self.samples) % len(data)])
        found["frechet"] = samples.frechet(made, data.images)
        if self.known is not None:
            found["copies"] = samples.copied(made, self.known)
        return found

    @torch.no_grad()
    def sample(self, condition: Tensor, seed: int = 0) -> Tensor:
        """Images uint8 [B, C, H, W] on the CPU, one for each condition, by DDIM in 25 steps."""
        generator = torch.Generator().manual_seed(seed)
        sampler: Any = DDIMScheduler.from_config(self.schedule.config)
        sampler.set_timesteps(SAMPLING_STEPS)
        made = []
        for part in condition.to(self.device).split(SAMPLED_AT_ONCE):
            latents = torch.randn(len(part), *self.shape, generator=generator).to(self.device)
            for timestep in sampler.timesteps.tolist():
                noise = self.predicted_noise(latents, part, timestep)
                latents = sampler.step(noise, timestep, latents).prev_sample
            made.append(self.decode(latents).cpu())
        return torch.cat(made)
