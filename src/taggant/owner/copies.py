"""What a platform did to the published files, read from its copies of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from taggant.data.decode import to_image
from taggant.owner import kinds, pictures
from taggant.owner.jpeg import settings_of
from taggant.owner.registration import find_crop
from taggant.owner.transform import (
    CHROMA,
    CLOSE_ENOUGH,
    LARGEST_CROP,
    MILLION,
    Margins,
    Transform,
    closeness,
)

REGISTERED = 4
"""Copies that a crop is looked for in; those with the most pixels."""
ROUND = (10_000, 5_000, 1_000, 100, 10, 1)
"""Millionths of a side of which a crop is likely a multiple, the likeliest first."""
TELLING = (3, 1, 4, 2)
"""Channels of copies whose files say how a platform encodes, the first that there are: grey JPEG
files have no subsampling, and transparent copies among JPEG files are none."""

Values = Mapping[str, object]
Size = tuple[int, int]
"""Width and height."""
Pair = tuple[Tensor, Tensor]
"""A platform's copy, and what was published."""


def fit(copies: Sequence[Path], published: Iterable[Tensor]) -> Transform:
    """The transform that a platform's copies show: crop, size, ground, and how they are encoded.

    Parameters
    ----------
    copies : sequence of Path
        What the platform made of the published files.
    published : iterable of Tensor, uint8 [C, H, W]
        What was published, in the same order; no more than a few are held at a time.

    Raises
    ------
    ValueError
        If the copies do not agree. Whether what they agree on explains them has to be checked.
    """
    sizes: list[tuple[Size, Size]] = []
    few: list[Pair] = []
    white, by_channels = False, defaultdict[int, list[Path]](list)
    for path, own in zip(copies, published, strict=True):
        copy = pictures.read(path).pixels
        sizes.append((_size(copy), _size(own)))
        by_channels[len(copy)].append(path)
        white |= pictures.has_alpha(own) and not pictures.has_alpha(copy)
        few = sorted([*few, (copy, own)], key=lambda pair: -pair[0].numel())[:REGISTERED]
    telling = next(by_channels[count] for count in TELLING if by_channels[count])
    values = _encoding_of(telling)
    if white:
        values["white"] = True
        few = [(copy, Transform(white=True)(own)) for copy, own in few]
    found = _sized(values, sizes)
    if found is None or not _explains(found, few):
        found = _sized(values | {"crop": _crop(few)}, sizes)
    if found is None:
        shown = ", ".join(sorted({f"{width} x {height}" for (width, height), _ in sizes})[:4])
        raise ValueError(
            "the platform's copies do not agree on one size, neither by their longer sides nor by "
            f"their widths ({shown}); name it with --transform"
        )
    return _with_webp(found, few[-1]) if _is_lossy_webp(telling[0]) else found


def _size(pixels: Tensor) -> Size:
    return pixels.shape[2], pixels.shape[1]


def _sized(values: Values, sizes: Sequence[tuple[Size, Size]]) -> Transform | None:
    """With the size that all copies agree on, if they do."""
    step = Transform.from_values(**values)
    resized = [copy for copy, own in sizes if copy != _cut_size(step, own)]
    if not resized:
        return step
    for name, length in (("side", max), ("width", itemgetter(0))):
        limit = length(resized[0])
        alike = all(length(copy) == limit for copy in resized)
        if alike and all(length(copy) <= limit for copy, _ in sizes):  # others stayed as they were
            return step.replace(**{name: limit})
    return None


def _cut_size(step: Transform, size: Size) -> Size:
    left, top, right, bottom = step.box(*size)
    return right - left, bottom - top


def _explains(step: Transform, pairs: Iterable[Pair]) -> bool:
    return all(closeness(copy, step(own)) >= CLOSE_ENOUGH for copy, own in pairs)


# --- how a copy is encoded ---------------------------------------------------------------------


def _encoding_of(copies: Sequence[Path]) -> dict[str, object]:
    each = [dict(encoding(path)) for path in copies]
    if any(one != each[0] for one in each):
        kinds = ", ".join(sorted({_words(one) for one in each}))
        raise ValueError(
            f"the platform's copies do not agree on one transform ({kinds}); name it with "
            "--transform"
        )
    return each[0]


def _words(values: Values) -> str:
    return str(Transform.from_values(**values)) or "no JPEG"


def encoding(path: Path) -> Values:
    """Quality and subsampling of a JPEG file; nothing of other formats, whose files do not say."""
    with Image.open(path, formats=kinds.formats()) as image:
        found = settings_of(image)
    if found is None:
        return {}
    return {"quality": found.quality, "chroma": CHROMA[found.subsampling]}


def _is_lossy_webp(path: Path) -> bool:
    with Image.open(path, formats=kinds.formats()) as image:
        return image.format == "WEBP" and b"VP8L" not in path.read_bytes()


def _with_webp(step: Transform, pair: Pair) -> Transform:
    """With the quality of WebP that makes a copy best: the file does not say it."""
    copy, own = pair
    made = step(own)

    def distance(quality: int) -> float:
        return -closeness(copy, Transform(webp=quality)(made))

    near = min(range(5, 101, 5), key=distance)
    return step.replace(webp=min(range(max(1, near - 4), min(100, near + 4) + 1), key=distance))


# --- what was cut off --------------------------------------------------------------------------


def _crop(pairs: Sequence[Pair]) -> Margins | None:
    """What was cut off of each picture, as shares that all agree on; None for nothing."""
    margins, sides, scales = [], [], []
    for copy, own in pairs:
        part, whole = to_image(copy), to_image(own)
        left, top, right, bottom = find_crop(whole, part)
        margins.append((left, top, whole.width - right, whole.height - bottom))
        sides.append((whole.width, whole.height) * 2)
        scales.append([max(1.0, (right - left) / part.width)])
    found, lengths = np.array(margins), np.array(sides)
    for near, slack in ((np.rint(found), np.array(0.5)), (found, 1.5 * np.array(scales))):
        low = ((near - slack) / lengths).max(0) * MILLION
        high = ((near + slack) / lengths).min(0) * MILLION
        if (low <= high).all():
            left, top, right, bottom = (_roundest(*ends) for ends in zip(low, high, strict=True))
            crop = left, top, right, bottom
            return crop if any(crop) else None
    raise ValueError(
        "the platform's copies are neither whole nor all cropped by the same shares of their "
        "sides, or they were filtered: hidden versions cannot be treated as they were, and the "
        "audit refuses"
    )


def _roundest(low: float, high: float) -> int:
    """The likeliest number of millionths between two."""
    if low <= 0:
        return 0
    middle = (low + high) / 2
    multiples = (round(middle / step) * step for step in ROUND)
    fitting = (multiple for multiple in multiples if low <= multiple <= high)
    return min(next(fitting, round(middle)), LARGEST_CROP)
