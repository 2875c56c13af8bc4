"""Photographic edits: each version is retouched a little differently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.scheme import Parameters, Strategy
from taggant.marking.stream import streams_of, uniforms_of

LUMA = np.array([0.299, 0.587, 0.114])
GAIN, EXPOSURE, TONE, SATURATION, RAMP, VIGNETTE = 0.18, 0.20, 0.20, 0.35, 0.20, 0.30
"""What strength 1 goes up to; the first two are exponents of e."""
DRAWS = 9
ONE = 4096
"""Unit of colour matrices and of light."""
STEPS = 4
"""Steps of a grey level that the tone curve tells apart."""


@dataclass(frozen=True)
class Edit(Strategy):
    """White balance, exposure, tone, saturation and light, drawn at random for each version.

    As a photographer would retouch: gains of red and blue (the luma stays), exposure, gamma and
    contrast, saturation, a ramp of light across the image and a vignette. All are uniform between
    their limits, which grow with `strength`: at 1 gains e^±.18, exposure e^±.20, gamma and contrast
    1 ± .20, saturation 1 ± .35, the ramp ±.20 in x and in y, the vignette 0 to .30 of the light in
    the corners. Images that are not of three channels have no colour to change: theirs is the rest.

    Few pixels change by little, so `epsilon` is no bound of this strategy: `limit` is. It is not
    meant to be reached: how far edits went is what PSNR, SSIM and the largest change tell.

    The few numbers of an edit are made on the CPU and rounded to integers, and pixels only meet
    integers: versions are the same bit for bit on every device of one machine. The numbers come out
    of exp and pow, which another library could round otherwise in rare cases.

    Parameters
    ----------
    strength : float
        0 < strength <= 1.
    limit : int
        Largest change of a pixel in grey levels, 1..255; more is cut off.

    Raises
    ------
    ValueError
        For a strength or limit outside.
    """

    strength: float = 0.5
    limit: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise ValueError(
                f"marking.strategy.strength = {self.strength}: accepted are 0 < strength <= 1"
            )
        if not 1 <= self.limit <= 255 or int(self.limit) != self.limit:
            raise ValueError(
                f"marking.strategy.limit = {self.limit}: accepted are whole grey levels from 1 "
                "to 255"
            )

    def __call__(
        self,
        secrets: Sequence[bytes],
        images: Tensor,
        ids: Sequence[str],
        indices: NDArray[np.int64],
        epsilon: int,
    ) -> Tensor:
        """Versions uint8 [B, k, C, H, W] within `limit`, whatever `epsilon`; see `Strategy`."""
        streams = streams_of("edits", secrets, ids, indices)
        drawn = uniforms_of(streams, DRAWS).reshape(*indices.shape, DRAWS)
        return self.edited(images, 2 * drawn - 1)

    def radius(self, epsilon: int) -> int:
        """See `Strategy.radius`."""
        return self.limit

    def edited(self, images: Tensor, draws: NDArray[np.float64]) -> Tensor:
        """Edits `draws` [B, k, 9] in -1..1 of images uint8 [B, C, H, W]."""
        _, channels, height, width = images.shape
        gains, exposure, gamma, contrast, saturation, ramps, vignette = np.split(
            self.strength * draws, [2, 3, 4, 5, 6, 8], axis=-1
        )
        pixels = images.to(torch.int32).unsqueeze(1)
        if channels == len(LUMA):
            matrix = colour(GAIN * gains, 1 + SATURATION * saturation)
            pixels = mixed(pixels, _whole(ONE * matrix, images))
        else:
            pixels = pixels * 16
        corners = VIGNETTE * (vignette + self.strength) / 2
        field = np.exp(EXPOSURE * exposure)[..., None] * light(RAMP * ramps, corners, height, width)
        lit = pixels.clamp(0, 8191) * _whole(ONE * field, images).unsqueeze(2)
        curve = tone(1 + TONE * gamma, 1 + TONE * contrast)
        toned = looked_up(_whole(curve, images), lit // (ONE * 16 // STEPS))
        raw = images.to(torch.int32).unsqueeze(1)
        return toned.minimum(raw + self.limit).maximum(raw - self.limit).to(torch.uint8)

    def parameters(self) -> Parameters:
        """See `Strategy.parameters`."""
        return {"strategy": "edit", "strength": self.strength, "limit": self.limit}


def colour(gains: NDArray[np.float64], saturation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrices [..., 3, 3] that keep every colour's luma: exponents of gains, then saturation."""
    red, blue = np.exp(gains[..., 0]), np.exp(gains[..., 1])
    factors = np.stack([red, np.ones_like(red), blue], -1)
    lost = np.ones((3, 1)) * (LUMA * (1 - factors))[..., None, :]
    balanced = np.eye(3) * factors[..., None, :] + lost
    share = saturation[..., None]
    faded = share * np.eye(3) + (1 - share) * np.ones((3, 1)) * LUMA
    product: NDArray[np.float64] = (faded[..., :, :, None] * balanced[..., None, :, :]).sum(-2)
    return product


def light(
    ramps: NDArray[np.float64], corners: NDArray[np.float64], height: int, width: int
) -> NDArray[np.float64]:
    """Light [..., H, W]: slopes in x and y [..., 2], what a vignette takes of the corners."""
    y = ((2 * np.arange(height) + 1 - height) / height)[:, None]
    x = ((2 * np.arange(width) + 1 - width) / width)[None, :]
    slope = 1 + ramps[..., :1, None] * x + ramps[..., 1:, None] * y
    field: NDArray[np.float64] = slope * (1 - corners[..., None] * (x**2 + y**2) / 2)
    return field


def tone(gamma: NDArray[np.float64], contrast: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tone curves [..., 256 STEPS] from [..., 1]: grey levels of light in steps of 1 / STEPS."""
    levels = np.minimum((np.arange(256 * STEPS) + 0.5) / (255 * STEPS), 1)
    curve = 0.5 + contrast * (levels**gamma - 0.5)
    clipped: NDArray[np.float64] = 255 * curve.clip(0, 1)
    return clipped


def mixed(pixels: Tensor, matrix: Tensor) -> Tensor:
    """Colours int32 [B, 1, 3, H, W] by matrices int32 [B, k, 3, 3] in 1 / ONE, times 16."""
    parts = [matrix[..., j, None, None] * pixels[:, :, j : j + 1] for j in range(len(LUMA))]
    return (parts[0] + parts[1] + parts[2]) // (ONE // 16)


def looked_up(curve: Tensor, levels: Tensor) -> Tensor:
    """Values of curves int32 [B, k, L] at levels [B, k, C, H, W], the last one for more."""
    flat = levels.flatten(2).clamp(max=curve.shape[-1] - 1).long()
    return curve.gather(-1, flat).view_as(levels)


def _whole(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(np.rint(values).astype(np.int32)).to(like.device)
