"""Any picture to a square RGB tensor of 8 bits."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
# What Pillow raises on files that are truncated, damaged or no images.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
EIGHT_OF_SIXTEEN = ((np.arange(1 << 16) + 128) // 257).astype(np.uint8)
"""Grey levels 0..255 of 0..65535, rounded."""
ROWS_AT_ONCE = 256
GREY = 128  # what transparent pixels show: black or white would clip half of every mark
DAMAGED = (SyntaxError, ValueError, TypeError, LookupError, OSError, EOFError, struct.error)
"""What Pillow raises on damaged EXIF data; the picture beside them may be whole."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of each EXIF orientation upright."""


def read(where: str, content: Path | io.BytesIO, size: int | None) -> Tensor:
    """A file or its content as uint8 [3, H, W]: a `square`, or with no size the whole picture.

    Raises
    ------
    ValueError
        If it is no picture of `FORMATS`, beginning with `where`.
    """
    try:
        with Image.open(content, formats=FORMATS) as image:
            return pixels(image, size)
    except UNREADABLE as error:
        raise ValueError(f"{where}: no readable image ({error})") from error


def pixels(image: Image.Image, size: int | None) -> Tensor:
    """A PIL image as uint8 [3, H, W]: a `square`, or with no size the whole picture."""
    if size is not None:
        return square(image, size)
    return torch.from_numpy(np.array(opaque(image))).permute(2, 0, 1).contiguous()


def square(image: Image.Image, size: int) -> Tensor:
    """A PIL image as uint8 [3, size, size]: upright, opaque, 8 bits, cropped to its centre.

    In this order: turned as its EXIF orientation says (damaged EXIF data say nothing); the first
    frame of an animation; 16-bit grey scaled to 8 bits (value / 257, rounded); palette, grey and
    CMYK to RGB; transparency composited on mid-grey; the central square cut out and resized with
    antialiasing. An image of the wanted size keeps its pixels exactly.

    Parameters
    ----------
    image : PIL image
    size : int
        Side in pixels, at least 1.
    """
    whole = opaque(image)
    side = min(whole.size)
    left, top = (whole.width - side) // 2, (whole.height - side) // 2
    cut = whole.crop((left, top, left + side, top + side))
    if side != size:
        cut = cut.resize((size, size), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1).contiguous()


def opaque(image: Image.Image) -> Image.Image:
    """An image as RGB of 8 bits, upright, with mid-grey where nothing covers it."""
    return _on_grey(eight_bit(upright(image)))


def upright(image: Image.Image) -> Image.Image:
    """An image turned as its EXIF orientation says."""
    image.load()
    turn = UPRIGHT.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1..8; 1 (upright) where there is none or the EXIF data are damaged."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGED:
        return 1
    return found if isinstance(found, int) and found in range(1, 9) else 1


def eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits (value / 257, rounded); any other image as it is."""
    # PIL would clip 16-bit values at 255 instead of scaling them.
    if not image.mode.startswith("I"):
        return image
    wide = np.asarray(image)
    narrow = np.empty(wide.shape, np.uint8)
    for rows in range(0, len(wide), ROWS_AT_ONCE):  # a large picture's indices take much memory
        some = slice(rows, rows + ROWS_AT_ONCE)
        narrow[some] = EIGHT_OF_SIXTEEN.take(wide[some], mode="clip")
    return Image.fromarray(narrow)


def _on_grey(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (GREY, GREY, GREY, 255))
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def to_image(pixels: Tensor) -> Image.Image:
    """uint8 [C, H, W] as a PIL image of mode L, LA, RGB or RGBA."""
    return Image.fromarray(pixels.permute(1, 2, 0).squeeze(-1).contiguous().numpy())
