"""Latent diffusion models as victims: a small VAE, and a diffusion model of what it encodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn.functional import mse_loss

from taggant.data.imageset import ImageSet
from taggant.victim.generative.diffusion import Diffusion
from taggant.victim.generative.networks import GROUPS

PACE = 0.05
"""Share of the latents' spread that a step renews."""


class LatentDiffusion(Diffusion):
    """A diffusion model of the latents of a VAE; both learn from the same batches.

    The VAE's loss is its squared error and a small divergence of its latents from a normal
    distribution; no gradient of the noise's loss reaches it. Latents are divided by their spread
    over recent batches. Its answer to an image is the mean of its latents.

    Parameters
    ----------
    vae_width : int
        Channels of the VAE's first level; the second has twice as many.
    vae_multipliers : sequence of int
        Channels of each of its levels, in widths; each level but the first halves the sides.
    latents : int
        Channels of what is denoised.
    divergence : float
        Weight of the latents' divergence.
    **diffusion
        See `Diffusion`.
    """

    bounded: ClassVar[bool] = False
    vae: Any
    spread: Tensor

    def __init__(
        self,
        vae_width: int,
        vae_multipliers: Sequence[int],
        latents: int,
        divergence: float,
        **diffusion: Any,
    ) -> None:
        self.latents, self.factor = latents, 2 ** (len(vae_multipliers) - 1)
        super().__init__(**diffusion)
        levels = len(vae_multipliers)
        vae: Any = AutoencoderKL(
            in_channels=diffusion["channels"],
            out_channels=diffusion["channels"],
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=[vae_width * times for times in vae_multipliers],
            layers_per_block=1,
            latent_channels=latents,
            norm_num_groups=math.gcd(vae_width, GROUPS),
            sample_size=diffusion["image_size"],
            mid_block_add_attention=False,
        )
        self.vae = vae.to(memory_format=torch.channels_last)
        self.divergence = divergence
        self.register_buffer("spread", torch.ones(()))

    def latent_shape(self, channels: int, image_size: int) -> tuple[int, int, int]:
        """See `Diffusion.latent_shape`."""
        if image_size % self.factor:
            raise ValueError(
                f"data.size = {image_size}: the VAE (victim.vae_multipliers) takes multiples of "
                f"{self.factor}"
            )
        return self.latents, image_size // self.factor, image_size // self.factor

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W], 0..255 -> mean latents [B, L, h, w]."""
        mean: Tensor = self.vae.encode(self.pixels(images)).latent_dist.mean
        return mean.div(self.spread)

    def batch_loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Mean squared error of the noise, and the VAE's own loss."""
        pixels = self.pixels(batch[0])
        found = self.vae.encode(pixels).latent_dist
        drawn = found.sample()
        with torch.no_grad():
            self.spread.lerp_(drawn.float().std(), PACE)
        shown = self.vae.decode(drawn).sample
        vae = (
            mse_loss(shown.float(), pixels) + self.divergence * found.kl().mean() / drawn[0].numel()
        )
        loss: Tensor = self.noise_loss(drawn.detach() / self.spread, batch[1]) + vae
        return loss

    def decode(self, latents: Tensor) -> Tensor:
        """See `Denoiser.decode`."""
        shown: Tensor = self.vae.decode(latents * self.spread).sample
        return super().decode(shown)

    def measures(self, data: ImageSet) -> dict[str, float]:
        """As `Denoiser`'s, and ``vae_error``: see `vae_error`."""
        return {**super().measures(data), "vae_error": self.vae_error(data)}

    @torch.no_grad()
    def vae_error(self, data: ImageSet) -> float:
        """Mean squared error of what the VAE makes of images, pixels from -1 to 1."""
        errors = []
        for images in data.images.split(64):
            pixels = self.pixels(images.to(self.device))
            shown = self.vae.decode(self.vae.encode(pixels).latent_dist.mean).sample
            errors.append((shown - pixels).square().flatten(1).mean(1))
        return float(torch.cat(errors).mean())
