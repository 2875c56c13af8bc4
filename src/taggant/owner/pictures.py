"""Picture files of any size and mode: read as they are seen, written back with their metadata."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, UnidentifiedImageError
from torch import Tensor

from taggant.data.decode import UNREADABLE, eight_bit, orientation, upright
from taggant.owner import kinds, metadata
from taggant.owner.jpeg import JPEG, JpegSettings, settings_of
from taggant.owner.metadata import Metadata

SMALLEST = 16
"""Pixels of the shorter side below which a picture has no room for a mark."""

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Those that hold a mark as they are, by their channels."""
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
    "LAB": "Lab becomes RGB",
}
"""Modes that cannot hold a mark as they are, and what becomes of them."""
DEEP = "its {} bits a colour become 8"
PARTLY = frozenset({"MPO", "HEIF"})
"""Formats whose further pictures are previews, depth and gain maps, as cameras add them."""
ROWS_AT_ONCE = 4 << 20
"""Bytes of a picture that are handed over at once."""

BROKEN = (UnidentifiedImageError, RuntimeError, *UNREADABLE)
"""What Pillow and its decoders raise on files that are truncated, damaged or no pictures."""
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
    kept : Metadata
        What its published version may say beside the pixels.
    notes : tuple of str
        What of the file's mode cannot be kept in the published one.
    jpeg : JpegSettings or None
        How finely the file is compressed; None of other files.
    """

    pixels: Tensor
    kept: Metadata
    notes: tuple[str, ...] = ()
    jpeg: JpegSettings | None = None


def read(path: Path, keep_location: bool = True) -> Picture:
    """Read a picture file.

    Parameters
    ----------
    path : Path
    keep_location : bool
        Whether its published version may say where it was taken.

    Raises
    ------
    PictureError
        If it is unreadable, animated, too small, or of a mode that cannot be marked.
    """
    try:
        with _opened(path) as image:
            return _picture(path, image, keep_location)
    except PictureError:
        raise
    except BROKEN as error:
        what_to_do = kinds.advice(path)
        raise PictureError(f"{path}: {what_to_do or f'no readable picture ({error})'}") from error


def _opened(path: Path) -> Image.Image:
    return Image.open(path, formats=kinds.formats())


def size_of(path: Path) -> int:
    """Bytes that a picture's pixels take, as its file's head says; 0 where it says nothing."""
    try:
        with _opened(path) as image:
            return int(image.width * image.height) * len(image.getbands())
    except BROKEN:
        return 0


def _picture(path: Path, image: Image.Image, keep_location: bool) -> Picture:
    _one_frame(path, image)
    mode, notes = image.mode, tuple(_notes(image))
    if mode not in MODES.values() and mode not in CONVERTED_MODES:
        raise PictureError(f"{path}: mode {mode} cannot be marked; save it as 8-bit RGB or grey")
    if min(image.size) < SMALLEST:
        width, height = upright(image).size
        raise PictureError(f"{path}: {width} x {height} pixels, at least {SMALLEST} a side needed")
    image.load()
    kept = metadata.publishable(image, keep_location)
    turned = _turned(to_tensor(_markable(image)), orientation(image))
    if not _same_colours(mode, turned):
        kept = replace(kept, icc=b"")
    return Picture(turned, kept, notes, settings_of(image))


def _notes(image: Image.Image) -> Iterator[str]:
    """What of a file, before its pixels are looked at, cannot be kept."""
    if image.mode in CONVERTED_MODES:
        yield CONVERTED_MODES[image.mode]
    tiles = [str(tile[3]) for tile in getattr(image, "tile", ())]  # as the file has its pixels
    deep = 16 if any(";16" in tile for tile in tiles) else int(image.info.get("bit_depth", 8))
    if deep > 8 and not image.mode.startswith("I"):
        yield DEEP.format(deep)


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
    if frames > 1 and image.format not in PARTLY:
        raise PictureError(f"{path}: has {frames} frames, accepted is one")


def _markable(image: Image.Image) -> Image.Image:
    image = eight_bit(image)
    if image.mode == "LAB":
        lab, colours = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, colours, outputMode="RGB")
        assert converted is not None
        return converted
    grey = image.mode in ("1", "L", "LA")
    wanted = ("L" if grey else "RGB") + "A" * image.has_transparency_data
    return image if image.mode == wanted else image.convert(wanted)


def has_alpha(pixels: Tensor) -> bool:
    """Whether the last channel of pixels [C, H, W] is transparency."""
    return len(pixels) in (2, 4)


def to_tensor(image: Image.Image) -> Tensor:
    """An 8-bit PIL image as uint8 [C, H, W]."""
    width, height = image.size
    pixels = torch.empty(len(image.getbands()), height, width, dtype=torch.uint8)
    rows = max(1, ROWS_AT_ONCE // (width * len(pixels)))
    for top in range(0, height, rows):
        some = np.array(image.crop((0, top, width, min(height, top + rows))))
        part = torch.from_numpy(some.reshape(*some.shape[:2], -1)).permute(2, 0, 1)
        pixels[:, top : top + rows] = part
    return pixels


def _turned(pixels: Tensor, how: int) -> Tensor:
    """Pixels uint8 [C, H, W] turned upright, as `taggant.data.decode.upright` turns an image."""
    if how in (2, 3, 7, 8):
        pixels = pixels.flip(-1)
    if how in (3, 4, 6, 7):
        pixels = pixels.flip(-2)
    return (pixels.mT if how >= 5 else pixels).contiguous()


def digest(pixels: Tensor) -> str:
    """SHA-256 of a picture's shape and pixels, 64 hex digits."""
    found = hashlib.sha256(",".join(map(str, pixels.shape)).encode() + b":")
    found.update(pixels.contiguous().numpy().data)
    return found.hexdigest()


# --- writing -----------------------------------------------------------------------------------

LOSSLESS: Mapping[str, Mapping[str, Any]] = {
    "png": {"format": "PNG", "compress_level": 1, "compress_type": zlib.Z_RLE},
    "webp": {"format": "WEBP", "lossless": True, "exact": True, "quality": 20, "method": 1},
    "tiff": {"format": "TIFF", "compression": "tiff_adobe_deflate"},
}
"""The cheapest settings: photographs come out no larger than by the dearest, in a third of the
time (`bench/owner.py`)."""
SUFFIX_OF = {"png": ".png", "webp": ".webp", "tiff": ".tif", JPEG: ".jpg"}
KEEP_FORMAT = "keep"
RAW_FORMAT = "raw"
"""Files as they are: of pictures without marks."""
LOSSY = frozenset({".jpg", ".jpeg"})
OWN_FORMAT = {".webp": "webp", ".tif": "tiff", ".tiff": "tiff"}


def format_of(name: str, wanted: str) -> str:
    """Format in which a file is published: the wanted one, or its own where that is lossless."""
    return OWN_FORMAT.get(Path(name).suffix.lower(), "png") if wanted == KEEP_FORMAT else wanted


def to_image(pixels: Tensor) -> Image.Image:
    """uint8 [C, H, W] as a PIL image of mode L, LA, RGB or RGBA, in little more than its memory."""
    bands = [Image.fromarray(band.numpy()) for band in pixels]
    return bands[0] if len(bands) == 1 else Image.merge(MODES[len(bands)], bands)


def encode(
    image: Image.Image, kept: Metadata, kind: str, jpeg: JpegSettings | None = None
) -> bytes:
    """The published file: pixels, with short metadata and the orientation that they say.

    Parameters
    ----------
    image : PIL image
        Of `to_image`: upright.
    kept : Metadata
        Of the raw file.
    kind : str
        png, webp or tiff, lossless; plays no part with `jpeg`.
    jpeg : JpegSettings, optional
        Makes it a JPEG file.
    """
    if jpeg is not None:  # compressed as it is seen, as hidden versions are
        return jpeg.encoded(image, **replace(kept, orientation=1).options(JPEG))
    if kind == "tiff":  # where the orientation belongs to the layout of the pixels
        kept = replace(kept, orientation=1)
    elif kept.orientation in UNDO_ORIENTATION:
        image = image.transpose(UNDO_ORIENTATION[kept.orientation])
    stream = io.BytesIO()
    image.save(stream, **LOSSLESS[kind], **kept.options(kind))
    content = stream.getvalue()
    return kept.with_directories(content) if kind == "tiff" else content


def _same_colours(mode: str, pixels: Tensor) -> bool:
    """Whether a colour profile of the raw file still means something in the published one."""
    return mode not in ("CMYK", "LAB") and (mode[:1] in "L1I") == (len(pixels) < 3)
