"""Latent diffusion models as victims: a small VAE, and a diffusion model of what it encodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn.functional import mse_loss

from taggant.autoencoder import opened
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
    vae : str, optional
        Folder of a VAE in diffusers' format, which stays as it is; without, one is trained.
    vae_width : int
        Channels of the first level of the VAE that is trained.
    vae_multipliers : sequence of int
        Channels of each of its levels, in widths; each level but the first halves the sides.
    latents : int
        Channels of what is denoised, where the VAE is trained.
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
        vae: str | None = None,
        **diffusion: Any,
    ) -> None:
        given = None if vae is None else self._given(vae, diffusion["channels"])
        levels = vae_multipliers if given is None else given.config.block_out_channels
        self.latents = latents if given is None else int(given.config.latent_channels)
        self.factor, self.learns = 2 ** (len(levels) - 1), given is None
        super().__init__(**diffusion)
        net = given or untrained(diffusion["channels"], vae_width, vae_multipliers, latents)
        self.vae = net.to(memory_format=torch.channels_last)
        self.divergence = divergence
        self.register_buffer("spread", torch.ones(()))

    @staticmethod
    def _given(vae: str, channels: int) -> Any:
        net = opened(vae, "victim.vae")
        if net.config.in_channels != channels:
            raise ValueError(
                f"victim.vae = {vae!r} takes {net.config.in_channels} channels, the data have "
                f"{channels}"
            )
        return net

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
        """Mean squared error of the noise, and the VAE's own loss if it learns."""
        pixels = self.pixels(batch[0])
        found = self.vae.encode(pixels).latent_dist
        drawn = found.sample()
        with torch.no_grad():
            self.spread.lerp_(drawn.float().std(), PACE)
        loss = self.noise_loss(drawn.detach() / self.spread, batch[1])
        return loss + self._vae_loss(pixels, found, drawn) if self.learns else loss

    def _vae_loss(self, pixels: Tensor, found: Any, drawn: Tensor) -> Tensor:
        shown = self.vae.decode(drawn).sample
        diverged: Tensor = found.kl().mean() / drawn[0].numel()
        return mse_loss(shown.float(), pixels) + self.divergence * diverged

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


def untrained(channels: int, width: int, multipliers: Sequence[int], latents: int) -> Any:
    """A small VAE in random weights; see `LatentDiffusion` for its sizes."""
    levels = len(multipliers)
    vae: Any = AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=[width * times for times in multipliers],
        layers_per_block=1,
        latent_channels=latents,
        norm_num_groups=math.gcd(width, GROUPS),
        mid_block_add_attention=False,
    )
    return vae
