"""A VAE's encoder as a marker: marks that are pushed where a latent diffusion model looks."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from taggant.autoencoder import opened
from taggant.marking.marker import Backbone

MIDDLE = 0.5
"""Mean and deviation of pixel values / 255 that make them -1 to 1."""


class Means(nn.Module):
    """The encoder of a VAE: pixels from -1 to 1, [B, C, H, W] -> mean latents [B, L, h, w]."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.encoder, self.last = vae.encoder, vae.quant_conv or nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """Mean latents."""
        moments: Tensor = self.last(self.encoder(pixels))
        return moments.chunk(2, dim=1)[0]


def from_vae(vae: str) -> Backbone:
    """Mean latents of a VAE of a local folder in diffusers' format; see `taggant.autoencoder`.

    Raises
    ------
    ValueError
        If there is none.
    """
    network = opened(vae, "marking.marker.load.vae")
    middle = (MIDDLE,) * int(network.config.in_channels)
    return Backbone("vae", Means(network), middle, middle)
