"""Denoisers are led away from what is to be forgotten, as far as they had come to it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from taggant.unlearning.method import Descent, Method
from taggant.unlearning.request import Request, Unlearnable


@runtime_checkable
class Denoising(Unlearnable, Protocol):
    """A model that predicts the noise in noisy latents."""

    schedule: Any
    """Of diffusers: how much noise there is at which timestep."""

    def __call__(self, images: Tensor) -> Tensor:
        """Latents [B, ...] of images uint8 [B, C, H, W]."""

    def noise(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Noise in noisy latents [B, ...] at timesteps int64 [B], as training sees it."""


@dataclass(frozen=True)
class ESD(Method):
    """See noise in images to forget as before training on them, and away from what is known.

    The target of the noise is start - guidance (known - start): what the victim saw before its
    training, and what it sees now. For a victim that is fine-tuned the start is the pretrained
    model; for one from scratch it knows nothing, and the target is far from any image.

    Parameters
    ----------
    rate : float
        Learning rate at strength 1, in units of the victim's own.
    epochs : int
        Passes over the forget set.
    guidance : float
        How far beyond the start; 0 leads back to it.

    Notes
    -----
    After Gandikota et al., "Erasing concepts from diffusion models" (ICCV 2023), where the two
    predictions are those with and without a concept's text. Images have no such text of their own:
    here the two are before and after training on them. Guidance 1 is theirs; rate and epochs are
    ours.
    """

    needs: ClassVar[Sequence[str]] = ("noise",)

    rate: float = 0.1
    epochs: int = 20
    guidance: float = 1.0

    def unlearn(self, request: Request) -> Unlearnable:
        """Descend on the squared distance to the target, one timestep an image."""
        victim, start = denoising(request.victim), denoising(request.untrained())
        known = copy.deepcopy(victim)
        for model in (start, known):
            model.to(request.device)
            model.eval()
        count = victim.schedule.config.num_train_timesteps
        step = Descent(request, self.rate * self.strength)
        for images, condition in request.batches(request.forget, self.epochs):
            with torch.no_grad():
                latents = victim(images)
                timesteps = torch.randint(count, (len(latents),), device=latents.device)
                noisy = victim.schedule.add_noise(latents, torch.randn_like(latents), timesteps)
                first, now = (one.noise(noisy, timesteps, condition) for one in (start, known))
                target = first - self.guidance * (now - first)
            seen = victim.noise(noisy, timesteps, condition)
            step(mse_loss(seen.float(), target.float()))
        return request.victim


def denoising(victim: Unlearnable) -> Denoising:
    """A victim that predicts noise.

    Raises
    ------
    TypeError
        If it does not.
    """
    if not isinstance(victim, Denoising):
        raise TypeError(f"{type(victim).__name__} predicts no noise")
    return victim
