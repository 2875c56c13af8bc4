"""A membership score of a service that shows images only: what it makes of an image.

All versions get the same noises, which are public and fixed before the audit. Larger = more likely
used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.score.denoising import (
    check_timesteps,
    ddim_step,
    denoiser_of,
    in_one_shape,
    noised,
)
from taggant.score.oracle import Access
from taggant.score.statistic import Statistic

WHITE = 255.0


@dataclass(frozen=True)
class ImageToImage:
    """Minus the mean squared distance of an image to what the model makes of it.

    Noise is added as it is at a timestep, and taken away by DDIM: an image-to-image endpoint, whose
    strength is timestep / 1000. Only images come back, in whole grey levels.

    Parameters
    ----------
    timestep : int
        How much noise is added.
    stride : int
        Timesteps a step of DDIM.
    noises : int
        Images that are made of each, whose distances are averaged.
    seed : int
        Public seed of the noises, fixed beforehand.

    Raises
    ------
    ValueError
        For a timestep that is no multiple of the stride, or noises < 1.

    Notes
    -----
    The endpoint is SDEdit of Meng et al. (2022). Samples tell of an image when they copy it, which
    is much later than what the denoiser's own answers see: expect little.
    """

    reads: ClassVar[str] = "latents"
    """What the victims answer with that have such an endpoint."""

    timestep: int
    stride: int
    noises: int
    seed: int

    def __post_init__(self) -> None:
        check_timesteps([self.timestep])
        if self.stride < 1 or self.timestep < 1 or self.timestep % self.stride:
            raise ValueError(
                f"score.statistic.timestep = {self.timestep}: accepted are multiples of "
                f"score.statistic.stride = {self.stride}, which is 1 or more"
            )
        if self.noises < 1:
            raise ValueError(f"score.statistic.noises = {self.noises}: accepted are 1, 2, 3, ...")

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of this victim; public images play no part."""
        denoiser = denoiser_of(victim)

        def scores(pixels: Tensor, condition: Tensor) -> Tensor:
            generator = torch.Generator().manual_seed(self.seed)
            latents = denoiser(pixels)
            total = pixels.new_zeros(len(pixels))
            for _ in range(self.noises):
                noise = torch.randn(1, *latents.shape[1:], generator=generator).to(latents)
                at = noised(denoiser, latents, noise, self.timestep)
                for start in range(self.timestep, 0, -self.stride):
                    at = ddim_step(denoiser, condition, at, start, start - self.stride or None)
                apart = (denoiser.decode(at).float() - pixels) / WHITE
                total = total - apart.square().flatten(1).mean(1)
            return total / self.noises

        return in_one_shape(victim, scores)
