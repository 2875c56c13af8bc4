"""How visible a mark is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure


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
    a, b = raw.float(), published.float()
    error = (a - b).square().mean(dim=(1, 2, 3))
    psnr = 10 * torch.log10(255**2 / error.clamp(min=255**2 / 1e10))
    ssim = structural_similarity_index_measure(b, a, data_range=255.0)
    linf = (raw.int() - published.int()).abs().max()
    return Quality(float(psnr.mean()), float(torch.as_tensor(ssim)), int(linf))
