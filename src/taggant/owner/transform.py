"""What a platform did to the published files, done alike to every version."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor

from taggant.owner import pictures
from taggant.owner.jpeg import TRANSPARENT, JpegSettings
from taggant.owner.schema import GrownSchema, SchemaError

CLOSE_ENOUGH = 32.0
"""dB: a platform's copy must be at least this close to what the transform makes."""
MILLION = 1_000_000
LARGEST_CROP = 400_000
"""Millionths of a side that are cut off at each end, at most."""
Chroma = Literal["444", "422", "420"]
CHROMA: tuple[Chroma, ...] = ("444", "422", "420")
"""Chroma subsampling of JPEG, in the order in which Pillow numbers it."""
PROFILES = {
    "feed": "width:1080+jpeg:75",
    "album": "resize:2048+jpeg:85",
    "messenger": "resize:1600+jpeg:70",
    "board": "resize:1200+webp:80",
    "trimmed": "crop:2,2,2,2+resize:2048+jpeg:85",
    "full": "jpeg:92/444",
}
"""Kinds of platforms, by what they do. Real ones change, so better let their copies be read."""
ACCEPTED = (
    "accepted are crop:LEFT,TOP,RIGHT,BOTTOM (percent, at most 40 each), resize:LONGER_SIDE or "
    "width:PIXELS, white, and jpeg:QUALITY (jpeg:QUALITY/444) or webp:QUALITY, in this order, as "
    f"resize:1024+jpeg:85; or one of {', '.join(PROFILES)}"
)
PERCENT = r"[0-9]{1,2}(?:\.[0-9]{1,4})?"
STEPS = (
    rf"crop:(?P<crop>{PERCENT}(?:,{PERCENT}){{3}})",
    r"(?:resize:(?P<side>[0-9]{1,9})|width:(?P<width>[0-9]{1,9}))",
    r"(?P<white>white)",
    r"(?:jpeg:(?P<quality>[0-9]{1,3})(?:/(?P<chroma>444|422|420))?|webp:(?P<webp>[0-9]{1,3}))",
)
TEXT = re.compile(r"(?!\+)" + "".join(rf"(?:(?:^|\+){step})?" for step in STEPS))

Side = Annotated[int, Field(ge=pictures.SMALLEST, le=1 << 20)]
Quality = Annotated[int, Field(ge=1, le=100)]
Margin = Annotated[int, Field(ge=0, le=LARGEST_CROP)]
Margins = tuple[Margin, Margin, Margin, Margin]


class Transform(GrownSchema):
    """Crop, then resize, then encode and decode; each may be left out.

    Attributes
    ----------
    side : int or None
        The longer side is at most so many pixels: smaller pictures are left alone.
    quality : int or None
        Of JPEG, 1..100. A transparent picture, which JPEG cannot hold, is not encoded.
    width : int or None
        Instead of `side`: the width is at most so many pixels.
    webp : int or None
        Instead of `quality`: of WebP.
    chroma : {"444", "422", "420"}
        Subsampling of JPEG.
    crop : tuple of int, or None
        Cut off at the left, top, right and bottom: millionths of the width or height, so that
        pictures of all sizes lose the same share.
    white : bool
        Whether what is transparent is shown on white.
    """

    first: ClassVar[frozenset[str]] = frozenset({"side", "quality"})

    side: Side | None = None
    quality: Quality | None = None
    width: Side | None = None
    webp: Quality | None = None
    chroma: Chroma = "420"
    crop: Margins | None = None
    white: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Transform:
        for one, other in (("side", "width"), ("quality", "webp")):
            if None not in (getattr(self, one), getattr(self, other)):
                raise ValueError(f"{one} and {other}: accepted is one of them")
        if self.chroma != "420" and self.quality is None:
            raise ValueError(f"chroma = {self.chroma!r}: accepted with a quality of JPEG only")
        if self.crop is not None and not any(self.crop):
            raise ValueError("crop: it cuts nothing off; accepted is None")
        return self

    @classmethod
    def parse(cls, text: str) -> Transform:
        """Read ``crop:2,2,2,2+resize:1024+jpeg:85``, a part of it, a profile's name, or nothing.

        Raises
        ------
        ValueError
            For anything else, or numbers out of range.
        """
        found = TEXT.fullmatch(PROFILES.get(text, text))
        if found is None:
            raise ValueError(f"transform {text!r}: {ACCEPTED}")
        named = {key: value for key, value in found.groupdict().items() if value is not None}
        values: dict[str, object] = {
            key: value if key == "chroma" else int(value)
            for key, value in named.items()
            if key not in ("crop", "white")
        }
        if "white" in named:
            values["white"] = True
        margins = [round(float(part) * MILLION / 100) for part in named.get("crop", "0").split(",")]
        if any(margins):
            values["crop"] = tuple(margins)
        try:
            return cls.from_values(**values)
        except SchemaError as error:
            raise ValueError(f"transform {text!r}: {error}; {ACCEPTED}") from None

    def __str__(self) -> str:
        return "+".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.crop is not None:
            yield "crop:" + ",".join(f"{margin * 100 / MILLION:.10g}" for margin in self.crop)
        if self.side is not None:
            yield f"resize:{self.side}"
        if self.width is not None:
            yield f"width:{self.width}"
        if self.white:
            yield "white"
        if self.quality is not None:
            yield f"jpeg:{self.quality}" + (f"/{self.chroma}" if self.chroma != "420" else "")
        if self.webp is not None:
            yield f"webp:{self.webp}"

    def __bool__(self) -> bool:
        return bool(str(self))

    @property
    def without_encoding(self) -> Transform:
        """What it does to the size of a picture alone."""
        return self.replace(quality=None, webp=None, chroma="420")

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 [C, H, W] -> uint8 [C, H', W']."""
        return pictures.to_tensor(
            self._encoded(self._ground(self._resized(self._cut(pictures.to_image(pixels)))))
        )

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """What is left of a picture after cropping: left, top, right and bottom in pixels."""
        left, top, right, bottom = (
            round(length * margin / MILLION)
            for length, margin in zip((width, height) * 2, self.crop or (0,) * 4, strict=True)
        )
        return left, top, width - right, height - bottom

    def _cut(self, image: Image.Image) -> Image.Image:
        return image if self.crop is None else image.crop(self.box(*image.size))

    def _resized(self, image: Image.Image) -> Image.Image:
        most, length = self.side, max(image.size)
        if self.width is not None:
            most, length = self.width, image.width
        if most is None or length <= most:
            return image
        size = [max(1, round(one * most / length)) for one in image.size]
        return image.resize((size[0], size[1]), Image.Resampling.LANCZOS)

    def _ground(self, image: Image.Image) -> Image.Image:
        if not self.white or image.mode not in TRANSPARENT:
            return image
        ground = Image.new("RGBA", image.size, "white")
        shown = Image.alpha_composite(ground, image.convert("RGBA"))
        return shown.convert(image.mode.removesuffix("A"))

    def _encoded(self, image: Image.Image) -> Image.Image:
        if self.quality is not None and image.mode not in TRANSPARENT:
            chroma = CHROMA.index(self.chroma)
            settings = JpegSettings.from_values(quality=self.quality, subsampling=chroma)
            stream = io.BytesIO(settings.encoded(image))
        elif self.webp is not None:
            image.save(stream := io.BytesIO(), "WEBP", quality=self.webp)
        else:
            return image
        return Image.open(stream).convert(image.mode)


def shrunk(pixels: Tensor, side: int | None) -> Tensor:
    """A picture, uint8 [C, H, W], with a longer side of at most `side` pixels; None: as it is."""
    if side is None or max(pixels.shape[-2:]) <= side:
        return pixels
    return Transform.from_values(side=side)(pixels)


def closeness(copy: Tensor, made: Tensor) -> float:
    """PSNR in dB of a platform's copy against what the transform makes; -inf for other sizes.

    A pixel more or less of a side is another way of rounding, and no other size. Grey is compared
    as the colour that it is: platforms make colour files of it.
    """
    if len(copy) != len(made):
        copy, made = _in_colour(copy), _in_colour(made)
    sizes = zip(copy.shape, made.shape, strict=True)
    if any(abs(one - other) > 1 for one, other in sizes) or len(copy) != len(made):
        return float("-inf")
    if copy.shape != made.shape:
        shown = pictures.to_image(made).resize(
            (copy.shape[2], copy.shape[1]), Image.Resampling.BICUBIC
        )
        made = pictures.to_tensor(shown)
    error = (copy.float() - made.float()).square().mean()
    return float(10 * torch.log10(255**2 / error.clamp(min=255**2 / 1e10)))


def _in_colour(pixels: Tensor) -> Tensor:
    if len(pixels) > 2:
        return pixels
    return torch.cat([pixels[:1].expand(3, -1, -1), pixels[1:]])
