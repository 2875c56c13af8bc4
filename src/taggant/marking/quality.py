"""How visible a mark is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pytorch_msssim import ssim as structural_similarity
from torch import Tensor
from torch.nn.functional import pad

from taggant.data.pixels import parts, taken

WINDOW = 11
"""Side in pixels of the Gaussian window through which SSIM compares."""


@dataclass(frozen=True)
class Quality:
    """Mean PSNR in dB, mean SSIM (0..1) and largest change of a pixel in grey levels."""

    psnr: float
    ssim: float
    linf: int


def quality(raw: Tensor, published: Tensor) -> Quality:
    """Compare published images with their raw ones.

    Parameters
    ----------
    raw, published : Tensor, uint8 [M, C, H, W], 0..255

    Returns
    -------
    Quality
        PSNR is averaged over images (in dB, peak 255); an unchanged image counts as 100 dB.
    """
    psnr, ssim, linf = [], [], 0
    for rows in parts(len(raw), raw.shape[1:]):
        a, b = taken(raw, rows), taken(published, rows)
        linf = max(linf, int((a.int() - b.int()).abs().max()))
        psnr.append(_psnr(a.float(), b.float()))
        ssim.append(_ssim(a.float(), b.float()))
    return Quality(float(torch.cat(psnr).mean()), float(torch.cat(ssim).mean()), linf)


def _psnr(a: Tensor, b: Tensor) -> Tensor:
    """PSNR of each image in dB, [B]."""
    error = (a - b).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(255**2 / error.clamp(min=255**2 / 1e10))


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of each image, [B]; borders are mirrored, so that each pixel is the middle of a window.

    Torchmetrics has the same, but its import takes 3 s and 250 MB.
    """
    mirrored = [pad(one, [WINDOW // 2] * 4, mode="reflect") for one in (a, b)]
    each: Tensor = structural_similarity(*mirrored, win_size=WINDOW, size_average=False)
    return each
