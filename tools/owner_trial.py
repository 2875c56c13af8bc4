"""Make the pictures of the trial in docs/owner.md: `python tools/owner_trial.py CIFAR10_JPEG ROOT`.

ROOT/raw gets 200 files made of CIFAR-10 photographs: enlarged to 32 to 64 pixels a side, square and
wide, in eight modes and five formats, half of them turned by EXIF. ROOT/with and ROOT/without get
what two victims learn beside them: 1,000 other photographs, and 200 more for the one without.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

MODES = ["RGB"] * 12 + ["L"] * 2 + ["RGBA"] * 2 + ["LA", "P", "CMYK", "I;16"]
SUFFIXES = {"RGB": ("jpg", "png", "webp"), "CMYK": ("jpg",), "P": ("gif",), "RGBA": ("png", "webp")}
OTHERS, TEST = 100, 40


def picture(path: Path, rng: random.Random) -> Image.Image:
    """A photograph enlarged to another size and shape."""
    height = rng.choice([32, 36, 40, 48, 64])
    width = rng.choice([height, height, height * 5 // 4, height * 4 // 3])
    side = max(height, width)
    with Image.open(path) as image:
        large = image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    top = (side - height) // 2
    return large.crop((0, top, width, top + height))


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The photograph in another mode; transparent ones fade from top to bottom."""
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    made = image.convert(mode)
    if mode in ("RGBA", "LA"):
        made.putalpha(Image.linear_gradient("L").resize(made.size))
    return made


def save(image: Image.Image, mode: str, stem: Path, orientation: int, rng: random.Random) -> None:
    """Write a photograph in one of its mode's formats, with EXIF data where these hold it."""
    suffix = rng.choice(SUFFIXES.get(mode, ("png",)))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Trial"
    options = {} if suffix == "gif" else {"exif": exif}
    if suffix == "jpg":
        options["quality"] = 97
    stem.parent.mkdir(parents=True, exist_ok=True)
    in_mode(image, mode).save(stem.with_suffix(f".{suffix}"), **options)


def main(source: Path, root: Path) -> None:
    """Write the three folders."""
    rng = random.Random(7)
    for folder in sorted((source / "train").iterdir()):
        files = sorted(folder.iterdir())
        rng.shuffle(files)
        for number, (mode, path) in enumerate(zip(MODES, files, strict=False)):
            orientation = rng.randint(1, 8) if number % 2 else 1
            stem = root / "raw" / folder.name / f"{number:03d}"
            save(picture(path, rng), mode, stem, orientation, rng)
        others = files[len(MODES) :]
        for side, count in (("with", OTHERS), ("without", OTHERS + len(MODES))):
            learn, test = (root / side / part / folder.name for part in ("train", "test"))
            learn.mkdir(parents=True, exist_ok=True)
            test.mkdir(parents=True, exist_ok=True)
            for path in others[:count]:
                shutil.copy(path, learn / f"other-{path.name}")
            for path in sorted((source / "test" / folder.name).iterdir())[:TEST]:
                shutil.copy(path, test / path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
