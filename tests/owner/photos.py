"""Small pictures of every size, mode and orientation, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

MODES = ("RGB", "L", "RGBA", "LA", "P", "CMYK", "I;16", "1")
SUFFIX = {"RGB": "jpg", "L": "png", "RGBA": "webp", "LA": "png", "P": "gif", "CMYK": "tif"}


def scene(seed: int, width: int, height: int) -> Image.Image:
    """A smooth random picture, RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 215, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def write(path: Path, image: Image.Image, orientation: int = 1) -> None:
    """Save a picture with EXIF data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8298] = orientation, "Maker", "An Owner"
    options = {} if path.suffix == ".gif" else {"exif": exif}
    if path.suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("Title", "a title")
    image.save(path, **options)


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """A picture in another mode; transparent ones fade from left to right."""
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    if mode in ("RGBA", "LA"):
        faded = image.convert(mode)
        faded.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
        return faded
    return image.convert(mode)


def folder(root: Path, count: int = 8, classes: int = 2, first: int = 0) -> Path:
    """A folder of pictures in class folders: mixed sizes, modes and orientations."""
    for number in range(first, first + count):
        mode = MODES[number % len(MODES)]
        image = scene(number, 24 + 4 * (number % 3), 20 + 6 * (number % 2))
        name = f"class{number % classes}/p{number}.{SUFFIX.get(mode, 'png')}"
        write(root / name, in_mode(image, mode), 1 + number % 8)
    return root
