"""Where in a picture a platform's cropped and resized copy lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

COARSE = 192
"""Pixels of the copy's longer side when it is first looked for."""
FINE = 640
"""And at most when its edges are found."""
LARGEST = 1.6
"""The picture shows at most so many times as much, along each side."""
SCALES = 48

Box = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the picture."""


def find_crop(picture: Image.Image, copy: Image.Image) -> Box:
    """The part of a picture that a copy shows.

    Phase correlation at several scales finds it roughly; the box that makes the copy best by least
    squares is then searched in ever smaller steps.

    Parameters
    ----------
    picture, copy : Image
        Of any mode; colours are not looked at. The copy is no larger than the picture.

    Returns
    -------
    Box
        Always one: whether it explains the copy has to be checked.
    """
    whole, part = picture.convert("L"), copy.convert("L")
    seen, small = _within(whole, 4 * COARSE), _within(part, COARSE)
    rough = max(_placed(seen, small, scale) for scale in _scales(seen, small))[1]
    enlarged = whole.width / seen.width
    left, top, right, bottom = (
        min(edge * enlarged, float(most)) for edge, most in zip(rough, whole.size * 2, strict=True)
    )
    return _refined(whole, _within(part, FINE), (left, top, right, bottom))


def _within(image: Image.Image, side: int) -> Image.Image:
    """At most so many pixels along the longer side."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if scale == 1 else image.resize(size, Image.Resampling.BOX)


def _scales(whole: Image.Image, part: Image.Image) -> NDArray[np.float64]:
    """Pixels of the copy for one of the picture: from a copy of all of it to one of a part."""
    least = max(part.width / whole.width, part.height / whole.height)
    return least * np.geomspace(1, LARGEST, SCALES)


def _placed(whole: Image.Image, part: Image.Image, scale: float) -> tuple[float, Box]:
    """How well a copy of one scale fits, and where."""
    size = (
        max(part.width, round(whole.width * scale)),
        max(part.height, round(whole.height * scale)),
    )
    shown = _edges(whole.resize(size, Image.Resampling.BILINEAR, reducing_gap=2))
    looked_for = np.zeros_like(shown)
    looked_for[: part.height, : part.width] = _edges(part)
    cross = fft.rfft2(shown) * np.conj(fft.rfft2(looked_for))
    peaks = fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=shown.shape)
    room = peaks[: size[1] - part.height + 1, : size[0] - part.width + 1]
    top, left = np.unravel_index(int(room.argmax()), room.shape)
    across, down = whole.width / size[0], whole.height / size[1]
    box = (left * across, top * down, (left + part.width) * across, (top + part.height) * down)
    return float(room.max()), box


def _edges(image: Image.Image) -> NDArray[np.float64]:
    """Grey levels around their mean, fading towards the border, whose jump would be found first."""
    pixels = np.asarray(image, np.float64)
    rows, columns = (np.hanning(length + 2)[1:-1] ** 0.25 for length in pixels.shape)
    faded: NDArray[np.float64] = (pixels - pixels.mean()) * rows[:, None] * columns
    return faded


def _refined(whole: Image.Image, part: Image.Image, box: Box) -> Box:
    """The box near one that makes the copy best."""
    wanted = np.asarray(part, np.float64)

    def error(tried: Box) -> float:
        made = whole.resize(part.size, Image.Resampling.LANCZOS, tried, reducing_gap=3)
        return float(np.square(np.asarray(made, np.float64) - wanted).mean())

    step = max(whole.width, whole.height) / COARSE
    best, found = box, error(box)
    while step > 0.2:
        better = False
        for side in range(4):
            for change in (-step, step):
                tried = _moved(best, side, change, whole.size)
                if tried is not None and (wrong := error(tried)) < found:
                    best, found, better = tried, wrong, True
        step = step if better else step / 2
    return best


def _moved(box: Box, side: int, change: float, size: tuple[int, int]) -> Box | None:
    """A box with one edge elsewhere, held inside the picture; None where nothing is left."""
    edges = list(box)
    edges[side] = min(max(edges[side] + change, 0.0), float(size[side % 2]))
    left, top, right, bottom = edges
    return (left, top, right, bottom) if right - left >= 1 and bottom - top >= 1 else None
