"""Diffusion models of pixels as victims (DDPM), with diffusers' networks and schedules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from taggant.data.imageset import ImageSet
from taggant.victim.generative.denoiser import Denoiser, cosine_schedule
from taggant.victim.generative.networks import PatchedUNet


class Diffusion(Denoiser):
    """A diffusion model of pixels, trained with a squared-cosine schedule.

    What is asked and sampled from is the moving average of the weights.

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
        See `Denoiser`.

    Raises
    ------
    ValueError
        For an average outside 0..1, or weights of another network.

    Notes
    -----
    Source: Ho et al., "Denoising diffusion probabilistic models" (2020); the schedule is Nichol and
    Dhariwal's (2021).
    """

    bounded: ClassVar[bool] = True
    """Whether what is denoised lies between -1 and 1."""

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
        if not 0 <= ema < 1:
            raise ValueError(f"victim.ema = {ema}: accepted are numbers from 0 to below 1")
        shape = self.latent_shape(channels, image_size)
        super().__init__(cosine_schedule(self.bounded), shape, samples, channels, **training)
        self.conditional = conditional
        given = classes if conditional else None
        net = PatchedUNet(shape[0], shape[1], width, multipliers, layers, patch, attention, given)
        self.net = net.to(memory_format=torch.channels_last)
        self.average = AveragedModel(self.net, multi_avg_fn=get_ema_multi_avg_fn(ema))
        self.average.requires_grad_(False)
        if pretrained is not None:
            self._start_from(pretrained)

    def latent_shape(self, channels: int, image_size: int) -> tuple[int, int, int]:
        """Shape of what is denoised."""
        return channels, image_size, image_size

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
        """Images uint8 [B, C, H, W], 0..255 -> pixels from -1 to 1, [B, C, H, W]."""
        return self.pixels(images)

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

    def noise(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """See `Denoiser.noise`."""
        found: Tensor = self.net(noisy, timesteps, condition)
        return found

    def predicted_noise(self, noisy: Tensor, condition: Tensor, timestep: int) -> Tensor:
        """See `Denoiser.predicted_noise`: the averaged network's."""
        timesteps = torch.full((len(noisy),), timestep, device=noisy.device)
        found: Tensor = self.average(noisy, timesteps, condition)
        return found.float()

    @torch.no_grad()
    def after_step(self, progress: float = 0.0) -> None:
        """Move the average towards the weights."""
        self.average.update_parameters(self.net)
