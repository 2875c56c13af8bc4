"""Diffusion models of pixels as victims (DDPM), with diffusers' networks and schedules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from taggant.data.imageset import ImageSet
from taggant.optim import trained_parameters
from taggant.victim.generative import samples
from taggant.victim.generative.networks import PatchedUNet
from taggant.victim.victim import EVAL_BATCH, Victim

STEPS = 1000
"""Timesteps of the forward process."""
SAMPLING_STEPS = 25
SAMPLED_AT_ONCE = 64


class Diffusion(Victim):
    """A model that learns to predict the noise in noisy images, and so to generate images.

    Its answer to an image is what its denoiser works on: here the pixels from -1 to 1. Scores ask
    the denoiser itself (`predicted_noise`): an audit needs the weights, or whoever has them to
    answer. Adam on the mean squared error of the noise, timesteps drawn uniformly, squared-cosine
    schedule. What is asked and sampled from is the moving average of the weights.

    Parameters
    ----------
    width, multipliers, layers, patch, attention
        See `PatchedUNet`.
    conditional : bool
        Whether noise is predicted given the image's class.
    ema : float
        Share of the weights' average that a step leaves as it was.
    samples : int
        Images that are sampled at each snapshot, for the history; 0 samples none.
    pretrained : str, optional
        Weights to start from: a ``.safetensors`` file of the same network, as
        ``python -m taggant.victim.export`` writes it.
    classes, channels, image_size : int
        Facts of the data.
    mean, std : sequence of float
        Play no part: pixels become -1 to 1.
    **training
        See `Victim`; ``momentum`` is Adam's first beta.

    Raises
    ------
    ValueError
        For an average outside 0..1, or weights of another network.

    Notes
    -----
    Source: Ho et al., "Denoising diffusion probabilistic models" (2020); the schedule is Nichol and
    Dhariwal's (2021).
    """

    answers: ClassVar[str] = "latents"

    def __init__(
        self,
        conditional: bool,
        ema: float,
        samples: int,
        pretrained: str | None,
        classes: int,
        channels: int,
        image_size: int,
        width: int,
        multipliers: Sequence[int] = (1, 2, 3),
        layers: int = 1,
        patch: int = 1,
        attention: bool = False,
        mean: Sequence[float] = (),
        std: Sequence[float] = (),
        **training: Any,
    ) -> None:
        middle = (0.5,) * channels
        super().__init__(mean=middle, std=middle, **training)
        if not 0 <= ema < 1:
            raise ValueError(f"victim.ema = {ema}: accepted are numbers from 0 to below 1")
        self.conditional, self.samples = conditional, samples
        schedule: Any = DDPMScheduler(STEPS, beta_schedule="squaredcos_cap_v2")
        self.schedule = schedule
        self.register_buffer("kept", schedule.alphas_cumprod, persistent=False)
        self.shape = (channels, image_size, image_size)
        given = classes if conditional else None
        net = PatchedUNet(
            channels, image_size, width, multipliers, layers, patch, attention, given
        ).to(memory_format=torch.channels_last)
        self._averaged(net, ema)
        self.known: Tensor | None = None
        if pretrained is not None:
            self._start_from(pretrained)

    def _averaged(self, net: nn.Module, ema: float) -> None:
        self.net: nn.Module = net
        self.average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(ema))
        self.average.requires_grad_(False)

    def _start_from(self, pretrained: str) -> None:
        if not Path(pretrained).is_file():
            raise ValueError(f"victim.pretrained = {pretrained!r}: there is no such file")
        try:
            self.net.load_state_dict(load_file(pretrained))
        except (RuntimeError, SafetensorError) as error:
            last = str(error).strip().rpartition("\n")[2].strip()
            raise ValueError(
                f"victim.pretrained = {pretrained!r} holds no weights of this network: {last}"
            ) from error
        self.average.module.load_state_dict(self.net.state_dict())

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> what the denoiser works on, [B, ...]."""
        return self.pixels(images)

    def batches(self, data: ImageSet, seed: int, device: torch.device, plain: bool = False) -> Any:
        """See `Victim.batches`; the images are kept in mind, to know copies of them."""
        self.known = data.images
        return super().batches(data, seed, device, plain)

    def targets(self, data: ImageSet) -> Tensor:
        """What noise is predicted given: labels int64 [N], or zeros that play no part.

        Raises
        ------
        ValueError
            For a set without labels, where they are needed.
        """
        if not self.conditional:
            return torch.zeros(len(data), dtype=torch.int64)
        if data.labels is None:
            raise ValueError(f"{data.name} has no labels: victim.conditional = true needs them")
        return data.labels

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean squared error of the noise predicted in a batch, one timestep an image."""
        images, condition = batch
        latents = self.forward(images)
        noise = torch.randn_like(latents)
        timesteps = torch.randint(STEPS, (len(latents),), device=latents.device)
        noisy = self.schedule.add_noise(latents, noise, timesteps)
        return mse_loss(self.net(noisy, timesteps, condition).float(), noise.float())

    def predicted_noise(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """Noise float32 [B, ...] that the averaged network sees in noisy latents [B, ...].

        Parameters
        ----------
        noisy : Tensor [B, ...]
        condition : Tensor [B, ...]
            Rows of `targets`.
        timestep : int
            0 to 999, the same for all.
        """
        timesteps = torch.full((len(noisy),), timestep, device=noisy.device)
        found: Tensor = self.average(noisy, timesteps, condition)
        return found.float()

    @torch.no_grad()
    def after_step(self, progress: float = 0.0) -> None:
        """Move the average towards the weights."""
        self.average.update_parameters(self.net)

    def optimizer(self, rate: float = 1.0) -> torch.optim.Optimizer:
        """Adam at `rate` times the learning rate."""
        betas = (self.momentum, 0.999)
        weights = trained_parameters(self)
        return torch.optim.Adam(
            weights, lr=rate * self.lr, betas=betas, weight_decay=self.weight_decay
        )

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

    def decode(self, latents: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] of latents [B, ...]."""
        return ((latents.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
