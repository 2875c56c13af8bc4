"""The contact sheet: raw | published | amplified difference, for the owner's eyes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from taggant.data.decode import to_image
from taggant.marking.quality import Quality
from taggant.report.pictures import GAIN

TILE = 192
LINE = 18


@dataclass(frozen=True)
class Row:
    """One picture of the sheet; raw and published are uint8 [C, H, W], C = 1 or 3."""

    name: str
    raw: Tensor
    published: Tensor
    quality: Quality


def draw(rows: Sequence[Row]) -> bytes:
    """The sheet as a PNG file."""
    sheet = Image.new("RGB", (3 * TILE, len(rows) * (TILE + LINE)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * (TILE + LINE)
        label = f"{row.name[-40:]}   PSNR {row.quality.psnr:.1f} dB   SSIM {row.quality.ssim:.3f}"
        pen.text((4, top + 3), label, fill="black")
        for column, pixels in enumerate((row.raw, row.published, difference(row))):
            sheet.paste(_tile(pixels), (column * TILE, top + LINE))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def difference(row: Row) -> Tensor:
    """Published minus raw, amplified around mid-grey, uint8 [C, H, W]."""
    change = row.published.to(torch.int16) - row.raw.to(torch.int16)
    return (128 + GAIN * change).clamp(0, 255).to(torch.uint8)


def _tile(pixels: Tensor) -> Image.Image:
    image = to_image(pixels).convert("RGB")
    scale = TILE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return image.resize(size, how)
