"""Networks that predict noise, and their moving averages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

GROUPS = 8
"""Groups of channels that are normalised together, at most."""


class PatchedUNet(nn.Module):
    """diffusers' U-Net on squares of pixels: cheaper by the square of their side.

    Parameters
    ----------
    channels, size : int
        Of what is denoised.
    width : int
        Channels of the first level.
    multipliers : sequence of int
        Channels of each level, in widths; each level halves the sides of the one before.
    layers : int
        Residual blocks a level.
    patch : int
        Side of the squares whose pixels become channels; 1 leaves pixels alone.
    attention : bool
        Self-attention in the last level.
    classes : int, optional
        With it, noise is predicted given a class.

    Raises
    ------
    ValueError
        For a size that the levels cannot halve so often.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        width: int,
        multipliers: Sequence[int],
        layers: int,
        patch: int,
        attention: bool,
        classes: int | None,
    ) -> None:
        super().__init__()
        least = patch * 2 ** (len(multipliers) - 1)
        if size % least:
            raise ValueError(
                f"data.size = {size}: victim.patch = {patch} and {len(multipliers)} levels "
                f"(victim.multipliers) take multiples of {least}"
            )
        self.patch = patch
        levels, inner = len(multipliers), channels * patch**2
        plain = ["Block2D"] * levels
        last = [*plain[:-1], "AttnBlock2D" if attention else "Block2D"]
        self.net: Any = UNet2DModel(
            sample_size=size // patch,
            in_channels=inner,
            out_channels=inner,
            layers_per_block=layers,
            block_out_channels=[width * times for times in multipliers],
            down_block_types=[_block("Down", kind) for kind in last],
            up_block_types=[_block("Up", kind) for kind in reversed(last)],
            norm_num_groups=math.gcd(width, GROUPS),
            add_attention=attention,
            attention_head_dim=GROUPS,
            num_class_embeds=classes,
        )

    def forward(self, noisy: Tensor, timesteps: Tensor, condition: Tensor) -> Tensor:
        """Noise [B, C, H, W] in noisy images [B, C, H, W] at timesteps int64 [B]."""
        given = condition if self.net.config.num_class_embeds else None
        squares = pixel_unshuffle(noisy, self.patch)
        found: Tensor = self.net(squares, timesteps, class_labels=given).sample
        return pixel_shuffle(found, self.patch)


def _block(side: str, kind: str) -> str:
    return f"Attn{side}{kind.removeprefix('Attn')}" if kind.startswith("Attn") else side + kind
