"""What a platform did to the published files, done alike to every version."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import torch
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from pydantic import Field
from torch import Tensor

from taggant.data.decode import to_image
from taggant.owner import kinds, pictures
from taggant.owner.jpeg import quality_of
from taggant.owner.schema import Schema, SchemaError

ACCEPTED = "accepted are jpeg:QUALITY, resize:LONGER_SIDE, or both as resize:1024+jpeg:85"
CLOSE_ENOUGH = 32.0
"""dB: a platform's copy must be at least this close to what the transform makes."""


class Transform(Schema):
    """Resize so that the longer side is at most `side`, then JPEG of `quality`; either may be None.

    Larger `side` than a picture's leaves it alone.
    """

    side: Annotated[int, Field(ge=pictures.SMALLEST, le=1 << 20)] | None = None
    quality: Annotated[int, Field(ge=1, le=100)] | None = None

    @classmethod
    def parse(cls, text: str) -> Transform:
        """Read ``resize:1024+jpeg:85``, a part of it, or nothing.

        Raises
        ------
        ValueError
            For anything else, or numbers out of range.
        """
        found: dict[str, int] = {}
        for part in filter(None, text.split("+")):
            name, _, number = part.partition(":")
            key = {"resize": "side", "jpeg": "quality"}.get(name)
            if key is None or not re.fullmatch(r"\d{1,9}", number) or {key, "quality"} & set(found):
                raise ValueError(f"transform {text!r}: {ACCEPTED}")
            found[key] = int(number)
        try:
            return cls.from_values(**found)
        except SchemaError as error:
            raise ValueError(f"transform {text!r}: {error}; {ACCEPTED}") from None

    def __str__(self) -> str:
        parts = ((self.side, "resize"), (self.quality, "jpeg"))
        return "+".join(f"{name}:{value}" for value, name in parts if value is not None)

    def __bool__(self) -> bool:
        return self.side is not None or self.quality is not None

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 [C, H, W] -> uint8 [C, H', W']."""
        image = to_image(pixels)
        if self.side is not None and max(image.size) > self.side:
            scale = self.side / max(image.size)
            size = (round(image.width * scale), round(image.height * scale))
            image = image.resize(size, Image.Resampling.LANCZOS)
        if self.quality is not None:
            if len(pixels) in (2, 4):
                raise ValueError("JPEG holds no transparency: this picture was published otherwise")
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=self.quality)
            image = Image.open(stream)
        return pictures.to_tensor(image)


def fit(copies: Sequence[Path], published: Iterable[Tensor]) -> Transform:
    """The transform that a platform's copies show: their size, and their JPEG tables.

    Parameters
    ----------
    copies : sequence of Path
        What the platform made of the published files.
    published : iterable of Tensor, uint8 [C, H, W]
        What was published, in the same order.

    Raises
    ------
    ValueError
        If the copies do not agree.
    """
    sides: set[int] = set()
    qualities: set[int | None] = set()
    for path, pixels in zip(copies, published, strict=True):
        copy = pictures.read(path).pixels
        if max(copy.shape[1:]) != max(pixels.shape[1:]):
            sides.add(max(copy.shape[1:]))
        qualities.add(jpeg_quality(path))
    if len(sides) > 1 or len(qualities) > 1:
        raise ValueError(
            f"the platform's copies do not agree on one transform (longer sides {sorted(sides)}, "
            f"JPEG qualities {sorted(map(str, qualities))}); name it with --transform"
        )
    return Transform.from_values(side=next(iter(sides), None), quality=next(iter(qualities), None))


def jpeg_quality(path: Path) -> int | None:
    """Quality at which this JPEG library has the file's tables; None for other formats."""
    with Image.open(path, formats=kinds.formats()) as image:
        if image.format != "JPEG" or not isinstance(image, JpegImageFile):
            return None
        quality = quality_of(image.quantization)
    if quality is None:
        raise ValueError(f"{path}: its JPEG tables are of no standard quality; name --transform")
    return quality


def closeness(copy: Tensor, made: Tensor) -> float:
    """PSNR in dB of a platform's copy against what the transform makes; -inf for other sizes."""
    if copy.shape != made.shape:
        return float("-inf")
    error = (copy.float() - made.float()).square().mean()
    return float(10 * torch.log10(255**2 / error.clamp(min=255**2 / 1e10)))
