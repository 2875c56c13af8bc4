"""Membership scores of diffusion models: how well the noise in a noisy image is predicted.

Timesteps and noises are the same for all versions of all images, drawn from a public seed that is
fixed before the audit: a score is the same function of the published version as of hidden ones.
Larger = more likely used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeGuard

import torch
from torch import Tensor, nn

from taggant.answers import evaluating, padded
from taggant.data.imageset import ImageSet
from taggant.score.oracle import Access
from taggant.score.statistic import Denoiser, Statistic

ROWS = 32
"""Images that are denoised at once; all in this one shape."""


@dataclass(frozen=True)
class Denoising:
    """Minus the mean squared error of the predicted noise.

    Parameters
    ----------
    timesteps : sequence of int
        Each between 0 and 999; what a model remembers of an image shows at 100 to 400.
    noises : int
        Noises a timestep, each drawn anew.
    seed : int
        Public seed of the noises, fixed beforehand.
    weights : sequence of float, optional
        Of each timestep, chosen on other images; equal ones by default.

    Raises
    ------
    ValueError
        For no or unknown timesteps, noises < 1, or weights that are not one a timestep.

    Notes
    -----
    The loss attack of Matsumoto et al., "Membership inference attacks against diffusion models"
    (2023), whose threshold the ranks among hidden versions replace.
    """

    timesteps: Sequence[int]
    noises: int
    seed: int
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)
        if self.noises < 1:
            raise ValueError(f"score.statistic.noises = {self.noises}: accepted are 1, 2, 3, ...")
        if self.weights is not None and len(self.weights) != len(self.timesteps):
            raise ValueError(
                f"score.statistic.weights = {list(self.weights)}: one for each of "
                f"{len(self.timesteps)} timesteps (score.statistic.timesteps) is accepted"
            )

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of this victim; public images play no part."""
        denoiser = denoiser_of(victim)

        def scores(latents: Tensor, condition: Tensor) -> Tensor:
            total = latents.new_zeros(len(latents))
            for weight, timestep, noise in self._noises(latents):
                noisy = noised(denoiser, latents, noise, timestep)
                seen = denoiser.predicted_noise(noisy, condition, timestep)
                total = total - weight * _squared(seen - noise)
            return total

        return in_one_shape(victim, scores)

    def _noises(self, latents: Tensor) -> Iterator[tuple[float, int, Tensor]]:
        """Weight, timestep and noise [1, ...] of each pass; weights sum to 1."""
        generator = torch.Generator().manual_seed(self.seed)
        weights = [1.0] * len(self.timesteps) if self.weights is None else self.weights
        whole = sum(weights) * self.noises
        for weight, timestep in zip(weights, self.timesteps, strict=True):
            for _ in range(self.noises):
                noise = torch.randn(1, *latents.shape[1:], generator=generator)
                yield weight / whole, timestep, noise.to(latents.device)


@dataclass(frozen=True)
class Proximal:
    """Minus how far two predictions are apart: of the image as it is, and with that noise added.

    Parameters
    ----------
    timesteps : sequence of int
        At which the noise is added.

    Raises
    ------
    ValueError
        For no or unknown timesteps.

    Notes
    -----
    PIA of Kong et al., "An efficient membership inference attack for the diffusion model by
    proximal initialization" (2024), with the fourth power as there.
    """

    timesteps: Sequence[int]

    def __post_init__(self) -> None:
        check_timesteps(self.timesteps)

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of this victim; public images play no part."""
        denoiser = denoiser_of(victim)

        def scores(latents: Tensor, condition: Tensor) -> Tensor:
            noise = denoiser.predicted_noise(latents, condition, 0)
            total = latents.new_zeros(len(latents))
            for timestep in self.timesteps:
                noisy = noised(denoiser, latents, noise, timestep)
                seen = denoiser.predicted_noise(noisy, condition, timestep)
                total = total - (seen - noise).pow(4).flatten(1).mean(1)
            return total / len(self.timesteps)

        return in_one_shape(victim, scores)


@dataclass(frozen=True)
class Inversion:
    """Minus the error of one step further and back, from where DDIM inversion leads an image.

    Parameters
    ----------
    timestep : int
        Where inversion ends.
    stride : int
        Timesteps a step of it.

    Raises
    ------
    ValueError
        For a timestep that is no multiple of the stride, or beyond the last one.

    Notes
    -----
    SecMI of Duan et al., "Are diffusion models vulnerable to membership inference attacks?" (2023).
    """

    timestep: int
    stride: int

    def __post_init__(self) -> None:
        check_timesteps([self.timestep, self.timestep + self.stride])
        if self.stride < 1 or self.timestep % self.stride:
            raise ValueError(
                f"score.statistic.timestep = {self.timestep}: accepted are multiples of "
                f"score.statistic.stride = {self.stride}, which is 1 or more"
            )

    def prepare(self, victim: nn.Module, public: ImageSet, access: Access) -> Statistic:
        """The statistic of this victim; public images play no part."""
        denoiser = denoiser_of(victim)

        def scores(latents: Tensor, condition: Tensor) -> Tensor:
            moved = partial(ddim_step, denoiser, condition)

            there = latents
            for start in range(0, self.timestep, self.stride):
                there = moved(there, start, start + self.stride)
            further = self.timestep + self.stride
            back = moved(moved(there, self.timestep, further), further, self.timestep)
            return -_squared(back - there)

        return in_one_shape(victim, scores)


def in_one_shape(
    victim: nn.Module, scores: Callable[[Tensor, Tensor], Tensor], rows: int = ROWS
) -> Statistic:
    """A statistic that asks a victim in eval mode, always about as many images at once.

    Latents to differentiate by are asked about as they are.
    """

    def statistic(latents: Tensor, condition: Tensor) -> Tensor:
        size = len(latents) if latents.requires_grad else rows
        parts = (padded(side, size).split(size) for side in (latents, condition))
        with evaluating(victim), torch.set_grad_enabled(latents.requires_grad):
            found = [scores(*part) for part in zip(*parts, strict=True)]
        return torch.cat(found)[: len(latents)]

    return statistic


def noised(denoiser: Denoiser, latents: Tensor, noise: Tensor, timestep: int) -> Tensor:
    """Latents [B, ...] with noise [B or 1, ...] as it is at a timestep."""
    kept = denoiser.kept[timestep]
    return kept.sqrt() * latents + (1 - kept).sqrt() * noise


def ddim_step(
    denoiser: Denoiser, condition: Tensor, at: Tensor, start: int, end: int | None
) -> Tensor:
    """Noisy latents [B, ...] of one timestep as they are at another one, by the noise seen.

    None is the end of all: without noise.
    """
    noise = denoiser.predicted_noise(at, condition, start)
    kept = denoiser.kept[start]
    clean = (at - (1 - kept).sqrt() * noise) / kept.sqrt()
    return clean if end is None else noised(denoiser, clean, noise, end)


def _squared(errors: Tensor) -> Tensor:
    return errors.square().flatten(1).mean(1)


def denoiser_of(victim: nn.Module) -> Denoiser:
    """The victim, as one that predicts noise.

    Raises
    ------
    ValueError
        If it does not.
    """
    if not _denoises(victim):
        raise ValueError(
            f"this score asks a diffusion model (victim=diffusion), not {type(victim).__name__}"
        )
    return victim


def _denoises(victim: object) -> TypeGuard[Denoiser]:
    return hasattr(victim, "predicted_noise")  # which a wrapper may pass on


def check_timesteps(timesteps: Sequence[int]) -> None:
    """Refuse none, and timesteps outside 0 to 999.

    Raises
    ------
    ValueError
    """
    if not timesteps or not all(0 <= timestep < 1000 for timestep in timesteps):
        raise ValueError(
            f"score.statistic.timesteps = {list(timesteps)}: accepted are some of 0 to 999"
        )
