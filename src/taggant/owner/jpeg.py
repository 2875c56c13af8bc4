"""How finely a JPEG file is compressed: read of a picture, so that its published file is alike."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Literal

from PIL import Image, JpegImagePlugin
from PIL.JpegImagePlugin import JpegImageFile
from pydantic import Field

from taggant.owner.schema import Schema

JPEG = "jpeg"
"""The format of published files that is not lossless."""
TRANSPARENT = ("LA", "RGBA")
"""Modes of images that it cannot hold."""
Tables = Mapping[int, Sequence[int]]


class JpegSettings(Schema):
    """What a JPEG file is written with.

    Attributes
    ----------
    quality : int
        By the standard tables.
    subsampling : int
        Of colours: 0 none (4:4:4), 1 across (4:2:2), 2 both ways (4:2:0).
    """

    quality: Annotated[int, Field(ge=1, le=100)]
    subsampling: Literal[0, 1, 2] = 2

    def encoded(self, image: Image.Image, **options: object) -> bytes:
        """An image as a JPEG file, with further options of Pillow's.

        Raises
        ------
        ValueError
            If it has transparency.
        """
        if image.mode in TRANSPARENT:
            raise ValueError("JPEG holds no transparency: this picture was published otherwise")
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=self.quality, subsampling=self.subsampling, **options)
        return stream.getvalue()


def settings_of(image: Image.Image) -> JpegSettings | None:
    """Settings at least as fine as an opened JPEG file's own; None of other files.

    They are its own where its tables are standard ones; cameras have others.
    """
    if not isinstance(image, JpegImageFile) or not image.quantization:
        return None
    sampling = JpegImagePlugin.get_sampling(image)
    found = sampling if sampling in (0, 1, 2) else 0
    return JpegSettings.from_values(quality=_finest(image.quantization), subsampling=found)


def quality_of(tables: Tables) -> int | None:
    """The quality that has these very tables; None if none has."""
    quality = _finest(tables)
    same = {number: list(table) for number, table in tables.items()}
    return quality if _standard(quality, len(tables) > 1) == same else None


def _finest(tables: Tables) -> int:
    """The least quality whose tables are nowhere coarser than these."""
    for quality in range(1, 101):
        standard = _standard(quality, len(tables) > 1)
        if all(
            own <= given
            for number, table in standard.items()
            for own, given in zip(table, tables.get(number, ()), strict=False)
        ):
            return quality
    return 100


@cache
def _standard(quality: int, colour: bool) -> dict[int, list[int]]:
    sample = JpegSettings.from_values(quality=quality).encoded(
        Image.new("RGB" if colour else "L", (16, 16))
    )
    with Image.open(io.BytesIO(sample), formats=("JPEG",)) as image:
        assert isinstance(image, JpegImageFile)
        return {number: list(table) for number, table in image.quantization.items()}
