"""Picture files of any size and mode: read as they are seen, written back with their metadata."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from taggant.data.decode import UNREADABLE, eight_bit, to_image, upright
from taggant.data.walk import below, walk
from taggant.owner import metadata

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
SMALLEST = 16
"""Pixels of the shorter side below which a picture has no room for a mark."""

MARKABLE_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
CONVERTED_MODES = {
    "1": "black and white becomes grey",
    "P": "a palette becomes full colour",
    "PA": "a palette becomes full colour",
    "I;16": "16-bit grey becomes 8-bit",
    "I;16B": "16-bit grey becomes 8-bit",
    "I;16L": "16-bit grey becomes 8-bit",
    "I": "16-bit grey becomes 8-bit",
    "CMYK": "CMYK becomes RGB, its colour profile is dropped",
    "YCbCr": "YCbCr becomes RGB",
}
"""Modes that cannot hold a mark as they are, and what becomes of them."""

SUBFILE_TYPE = 254
BELONGS_TO_ANOTHER = 0b101
"""A TIFF tag, and its bits for pictures that belong to another one: a preview, a mask."""

UNDO_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""What undoes each EXIF orientation's turning upright."""


class PictureError(ValueError):
    """A file that cannot be marked, with the reason."""


@dataclass(frozen=True)
class Picture:
    """A picture as it is seen.

    Attributes
    ----------
    pixels : Tensor, uint8 [C, H, W], 0..255
        Upright; C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    notes : tuple of str
        What of the file's mode cannot be kept in the published one.
    left_out : tuple of str
        Which of its metadata are not published.
    has_location : bool
        Whether they say where it was taken.
    """

    pixels: Tensor
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    has_location: bool = False


def find(folder: Path) -> tuple[list[str], list[str]]:
    """Relative names of the picture files below a folder, and of the other files; hidden ones not.

    Links are followed; one that leads nowhere is listed.

    Raises
    ------
    FileNotFoundError
        If it is no folder.
    ValueError
        For a link that leads back to a folder that it lies in.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    names = sorted(below(folder, walk(folder)))
    pictures = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
    return pictures, [name for name in names if Path(name).suffix.lower() not in SUFFIXES]


def read(path: Path) -> Picture:
    """Read a picture file.

    Raises
    ------
    PictureError
        If it is unreadable, animated, too small, or of a mode that cannot be marked.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return _picture(path, image)
    except PictureError:
        raise
    except (UnidentifiedImageError, *UNREADABLE) as error:
        raise PictureError(f"{path}: no readable picture ({error})") from error


def _picture(path: Path, image: Image.Image) -> Picture:
    _one_frame(path, image)
    mode = image.mode
    if mode not in MARKABLE_MODES and mode not in CONVERTED_MODES:
        raise PictureError(f"{path}: mode {mode} cannot be marked; save it as 8-bit RGB or grey")
    turned = upright(image)
    if min(turned.size) < SMALLEST:
        raise PictureError(
            f"{path}: {turned.width} x {turned.height} pixels, at least {SMALLEST} a side needed"
        )
    notes = (CONVERTED_MODES[mode],) if mode in CONVERTED_MODES else ()
    found = metadata.publishable(image)
    return Picture(to_tensor(_markable(turned)), notes, found.left_out, found.has_location)


def _one_frame(path: Path, image: Image.Image) -> None:
    """Refuse a file of several pictures, unless all but the first are previews or maps of it."""
    frames = getattr(image, "n_frames", 1)
    if image.format == "TIFF":
        kinds = []
        for frame in range(frames):
            image.seek(frame)
            kinds.append(int(image.getexif().get(SUBFILE_TYPE, 0)))
        image.seek(0)
        if kinds[0] & BELONGS_TO_ANOTHER:
            raise PictureError(f"{path}: its first picture is a preview; save the whole one alone")
        frames = sum(not kind & BELONGS_TO_ANOTHER for kind in kinds)
    if frames > 1 and image.format != "MPO":  # as cameras add previews, depth and gain maps
        raise PictureError(f"{path}: has {frames} frames, accepted is one")


def _markable(image: Image.Image) -> Image.Image:
    image = eight_bit(image)
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        return image.convert("LA" if grey else "RGBA")
    return image.convert("L" if grey else "RGB")


def to_tensor(image: Image.Image) -> Tensor:
    """An 8-bit PIL image as uint8 [C, H, W]."""
    pixels = np.array(image)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).contiguous()


def digest(pixels: Tensor) -> str:
    """SHA-256 of a picture's shape and pixels, 64 hex digits."""
    shape = ",".join(map(str, pixels.shape)).encode() + b":"
    return hashlib.sha256(shape + pixels.contiguous().numpy().tobytes()).hexdigest()


# --- writing -----------------------------------------------------------------------------------

LOSSLESS: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG", "optimize": False},
    "webp": {"format": "WEBP", "lossless": True, "exact": True, "quality": 60},
    "tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
}
SUFFIX_OF = {"png": ".png", "webp": ".webp", "tiff": ".tif", "jpeg": ".jpg"}
KEEP_FORMAT = "keep"
RAW_FORMAT = "raw"
"""Files as they are: of pictures without marks."""
LOSSY = frozenset({".jpg", ".jpeg"})
OWN_FORMAT = {".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}


def format_of(name: str, wanted: str) -> str:
    """Format in which a file is published: the wanted one, or its own where that is lossless."""
    return OWN_FORMAT.get(Path(name).suffix.lower(), "png") if wanted == KEEP_FORMAT else wanted


def encode(
    pixels: Tensor, source: Path, kind: str, quality: int = 95, keep_location: bool = True
) -> bytes:
    """The published file: other pixels, with the source file's orientation and short metadata.

    Parameters
    ----------
    pixels : Tensor, uint8 [C, H, W], 0..255
        Upright.
    source : Path
        The raw file.
    kind : str
        png, webp or tiff (lossless), or jpeg.
    quality : int
        Of jpeg, 1..100.
    keep_location : bool
        Whether to say where the picture was taken.

    Raises
    ------
    PictureError
        If the format cannot hold the picture (alpha in a JPEG).
    """
    if kind == "jpeg" and len(pixels) in (2, 4):
        raise PictureError(f"{source}: has transparency, which JPEG cannot hold; accepted is png")
    image = to_image(pixels)
    with Image.open(source, formats=FORMATS) as raw:
        raw.load()  # some formats hold metadata behind the pixels
        kept = metadata.publishable(raw, keep_location)
        if not _same_colours(raw, image):
            kept = replace(kept, icc=b"")
    if kind == "tiff":  # where the orientation belongs to the layout of the pixels
        kept = replace(kept, orientation=1)
    elif kept.orientation in UNDO_ORIENTATION:
        image = image.transpose(UNDO_ORIENTATION[kept.orientation])
    stream = io.BytesIO()
    options = LOSSLESS.get(kind, {"format": "JPEG", "quality": quality})
    image.save(stream, **options, **kept.options(kind))
    content = stream.getvalue()
    return kept.with_directories(content) if kind == "tiff" else content


def _same_colours(raw: Image.Image, image: Image.Image) -> bool:
    """Whether a colour profile of the raw file still means something in the published one."""
    return raw.mode != "CMYK" and (raw.mode[:1] in "L1I") == (image.mode[:1] == "L")
