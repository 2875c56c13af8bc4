"""The contact sheet: raw | published | amplified difference, for the owner's eyes."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image, ImageDraw

from taggant.marking.quality import Quality

TILE = 192
LINE = 18
GAIN = 8
"""How many times a difference is amplified."""


@dataclass(frozen=True)
class Row:
    """One picture of the sheet; raw and published are small RGB images."""

    name: str
    raw: Image.Image
    published: Image.Image
    quality: Quality

    @property
    def label(self) -> str:
        """How visible its mark is."""
        return f"PSNR {self.quality.psnr:.1f} dB   SSIM {self.quality.ssim:.3f}"


def spread(names: Sequence[str], count: int) -> list[str]:
    """So many of the names, from as many folders as there are, evenly among these."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        folders[str(PurePosixPath(name).parent)].append(name)
    chosen = [0] * len(folders)
    groups = list(folders.values())
    for number in range(min(count, len(names))):
        place = number * len(groups) // min(count, max(len(groups), 1)) % len(groups)
        while chosen[place] == len(groups[place]):
            place = (place + 1) % len(groups)
        chosen[place] += 1
    several = zip(groups, chosen, strict=True)
    return [group[k * len(group) // many] for group, many in several for k in range(many)]


def draw(rows: Sequence[Row]) -> bytes:
    """The sheet as a PNG file."""
    sheet = Image.new("RGB", (3 * TILE, len(rows) * (TILE + LINE)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        top = number * (TILE + LINE)
        pen.text((4, top + 3), f"{row.name[-40:]}   {row.label}", fill="black")
        for column, image in enumerate((row.raw, row.published, difference(row))):
            sheet.paste(_tile(image), (column * TILE, top + LINE))
    return _png(sheet)


def page(rows: Sequence[Row]) -> bytes:
    """The same as a page that is whole in itself: raw and published under a slider."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    template = files("taggant.owner").joinpath("contact.html").read_text(encoding="utf-8")
    shown = [(row, _data(row.raw), _data(row.published)) for row in rows]
    return environment.from_string(template).render(rows=shown).encode()


def difference(row: Row) -> Image.Image:
    """Published minus raw, amplified around mid-grey."""
    raw, published = (np.asarray(image).astype(np.int16) for image in (row.raw, row.published))
    change = (128 + GAIN * (published - raw)).clip(0, 255)
    return Image.fromarray(change.astype(np.uint8))


def _tile(image: Image.Image) -> Image.Image:
    scale = TILE / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
    return image.resize(size, how)


def _data(image: Image.Image) -> str:
    return f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
