"""Pictures as cameras write them, and what platforms show of them.

    python tools/photographer_trial.py make SOURCE ROOT
    python tools/photographer_trial.py show PUBLISHED COPIES --as album --but OTHER_COPIES

SOURCE holds openly licensed pictures of three megapixels and more, in a folder a collection
(what Debian's packages of wallpapers hold, say: gnome-backgrounds, mate-backgrounds,
lomiri-wallpapers-16.04, lomiri-wallpapers-20.04, plasma-workspace-wallpapers, ukui-wallpapers).
Tiles of them that do not overlap, scaled to 12 to 24 megapixels, become ROOT/week1 and ROOT/week2,
in a folder for each of those pictures, as a day's shooting has one: JPEG with a thumbnail, a place
and a camera's note, in every orientation; HEIC; PNG with transparency and with 16 bits; CMYK.
ROOT/others, small, is what a model learns beside them. COPIES are what a platform shows of
published files, without those that another one shows.
"""

from __future__ import annotations

import argparse
import io
import random
import struct
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps
from tqdm import tqdm

FORMATS = ["jpeg"] * 14 + ["heic"] * 2 + ["transparent", "png", "cmyk", "deep"]
WIDE = [(4000, 3000), (4608, 3456), (6000, 4000)]
WEEKS = ["week1"] * 3 + ["week2"] * 2 + ["others"] * 4
PLATFORMS = {"album": (2048, False, 85), "feed": (1080, True, 75)}
"""Longest side, or width, and quality of JPEG."""
SMALLEST = 3_000_000
FLAT = 12.0
"""Deviation of grey levels under which a tile shows too little to be a picture."""


def originals(source: Path) -> Iterator[Path]:
    """Pictures that are large enough and are no copies of earlier ones, the largest first."""
    sizes = {}
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp") and not path.is_symlink():
            with Image.open(path) as image:
                sizes[path] = image.width * image.height
    known: list[np.ndarray] = []
    for path in sorted(sizes, key=lambda p: (-sizes[p], p)):
        if sizes[path] < SMALLEST:
            continue
        with Image.open(path) as image:
            image.draft("L", (64, 64))
            look = np.asarray(image.convert("L").resize((16, 16)), np.float32)
        look = (look - look.mean()) / (look.std() + 1)
        if all(float((look * other).mean()) < 0.9 for other in known):
            known.append(look)
            yield path


def tiles(image: Image.Image) -> Iterator[Image.Image]:
    across, down = (3, 2) if image.width > image.height else (2, 3)
    width, height = image.width // across, image.height // down
    for column, row in product(range(across), range(down)):
        left, top = column * width, row * height
        tile = image.crop((left, top, left + width, top + height))
        if np.asarray(tile.convert("L").resize((64, 64)), np.float32).std() > FLAT:
            yield tile


def directory(entries: list[tuple[int, int, int, bytes]], start: int, following: int) -> bytes:
    """A TIFF directory whose values follow it."""
    head, values = struct.pack("<H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        where = value.ljust(4, b"\0")
        if len(value) > 4:
            where = struct.pack("<I", behind + len(values))
            values += value
        head += struct.pack("<HHI", tag, kind, count) + where
    return head + struct.pack("<I", following) + values


def exif(image: Image.Image, rng: random.Random) -> bytes:
    """Orientation, camera and place, a note that only the camera reads, and a thumbnail (IFD1)."""
    small = io.BytesIO()
    image.resize((160, 120)).convert("RGB").save(small, "JPEG", quality=80)
    preview = small.getvalue()
    place = [(1, 2, 2, b"N\0"), (2, 5, 3, struct.pack("<6I", 52, 1, 31, 1, 12, 1))]
    note = rng.randbytes(2000)
    shot = [(0x9003, 2, 20, b"2026:11:01 12:00:00\0"), (0x927C, 7, len(note), note)]
    turn = struct.pack("<H", rng.randint(1, 8))

    def first(shot_at: int, place_at: int, following: int) -> bytes:
        pointers = [
            (tag, 4, 1, struct.pack("<I", at))
            for tag, at in ((0x8769, shot_at), (0x8825, place_at))
        ]
        camera = [(0x010F, 2, 6, b"Trial\0"), (0x0112, 3, 1, turn)]
        return directory(camera + pointers, 8, following)

    shot_at = 8 + len(first(0, 0, 0))
    place_at = shot_at + len(directory(shot, shot_at, 0))
    second_at = place_at + len(directory(place, place_at, 0))
    size = [(0x0103, 3, 1, struct.pack("<H", 6)), (0x0202, 4, 1, struct.pack("<I", len(preview)))]
    at = second_at + 2 + 12 * 3 + 4
    second = directory(sorted([*size, (0x0201, 4, 1, struct.pack("<I", at))]), second_at, 0)
    parts = (
        first(shot_at, place_at, second_at),
        directory(shot, shot_at, 0),
        directory(place, place_at, 0),
    )
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + b"".join(parts) + second + preview


def write(image: Image.Image, kind: str, stem: Path, rng: random.Random) -> None:
    """Write a picture as one of FORMATS."""
    about = exif(image, rng)
    if kind == "jpeg":
        options = {"quality": rng.choice([88, 92, 95]), "subsampling": rng.choice([0, 2])}
        image.save(stem.with_suffix(".jpg"), exif=about, **options)
    elif kind == "heic":
        pillow_heif.from_pillow(image).save(stem.with_suffix(".heic"), quality=90)
    elif kind == "cmyk":
        image.convert("CMYK").save(stem.with_suffix(".jpg"), quality=95)
    elif kind == "deep":
        grey = np.asarray(image.convert("L"), np.uint16) * 257
        Image.fromarray(grey).save(stem.with_suffix(".png"), compress_level=1)
    else:
        if kind == "transparent":
            fade = Image.radial_gradient("L").resize(image.size)
            image.putalpha(fade.point(lambda value: 255 - value))
        image.save(stem.with_suffix(".png"), compress_level=1)


def develop(path: Path, source: Path, root: Path, weeks: list[str], number: int) -> None:
    """Write all tiles of a picture that are wanted."""
    rng = random.Random(number)
    with Image.open(path) as opened:
        found = list(tiles(opened.convert("RGB")))
    shooting = f"{path.relative_to(source).parts[0]}-{path.stem}"
    for tile, week in zip(found, weeks, strict=False):
        folder = root / week / shooting
        folder.mkdir(parents=True, exist_ok=True)
        width, height = (1024, 768) if week == "others" else rng.choice(WIDE)
        size = (width, height) if tile.width >= tile.height else (height, width)
        number += 1
        large = tile.resize(size, Image.Resampling.BICUBIC)
        write(
            large,
            "jpeg" if week == "others" else rng.choice(FORMATS),
            folder / f"IMG_{number:04d}",
            rng,
        )


def make(options: argparse.Namespace) -> None:
    """Write the three folders."""
    pictures = list(originals(options.source))
    weeks = random.Random(7).choices(WEEKS, k=6 * len(pictures))
    with ProcessPoolExecutor(2) as pool:
        jobs = [
            pool.submit(
                develop, path, options.source, options.root, weeks[6 * k : 6 * k + 6], 6 * k
            )
            for k, path in enumerate(pictures)
        ]
        for job in tqdm(as_completed(jobs), total=len(jobs)):
            job.result()


def show(options: argparse.Namespace) -> None:
    """Upright, opaque, smaller, compressed anew, without metadata."""
    side, across, quality = PLATFORMS[options.platform]
    shown = {path.stem for path in options.but.rglob("*.jpg")} if options.but else set()
    for path in tqdm([p for p in sorted(options.published.rglob("*.*")) if p.stem not in shown]):
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened)
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        image = image.convert("RGB")
        share = min(1.0, side / (image.width if across else max(image.size)))
        size = [round(length * share) for length in image.size]
        target = (options.copies / path.relative_to(options.published)).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        image.resize(size, Image.Resampling.LANCZOS).save(target, quality=quality)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("make")
    one.add_argument("source", type=Path)
    one.add_argument("root", type=Path)
    one.set_defaults(run=make)
    two = commands.add_parser("show")
    two.add_argument("published", type=Path)
    two.add_argument("copies", type=Path)
    two.add_argument("--as", dest="platform", choices=PLATFORMS, default="album")
    two.add_argument("--but", type=Path)
    two.set_defaults(run=show)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
