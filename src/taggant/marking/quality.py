"""How visible a mark is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from taggant.data.pixels import parts, taken


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
        each = structural_similarity_index_measure(
            b.float(), a.float(), data_range=255.0, reduction="none"
        )
        ssim.append(torch.as_tensor(each))
    return Quality(float(torch.cat(psnr).mean()), float(torch.cat(ssim).mean()), linf)


def _psnr(a: Tensor, b: Tensor) -> Tensor:
    """PSNR of each image in dB, [B]."""
    error = (a - b).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(255**2 / error.clamp(min=255**2 / 1e10))
