"""Copies are found by what they look like, and other pictures are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from taggant.owner import likeness, pictures


def textured(seed, width=300, height=200, mode="RGB"):
    """A picture that keeps its look when it shrinks, as photographs do."""
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), np.uint8)
    size = (width, height)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode)


def look(image):
    return likeness.likeness(pictures.to_tensor(image))


def compressed(image, quality):
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream)


COPIES = {
    "itself": lambda image: image,
    "halved": lambda image: image.resize((150, 100)),
    "enlarged": lambda image: image.resize((1500, 1000)),
    "compressed": lambda image: compressed(image, 60),
    "halved and compressed": lambda image: compressed(image.resize((150, 100)), 75),
    "grey": lambda image: image.convert("L"),
    "with transparency": lambda image: image.convert("RGBA"),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_among_others(kind):
    known = [look(textured(seed)) for seed in range(8)]
    found = likeness.copies([look(COPIES[kind](textured(5))), look(textured(99))], known)
    assert found == [5, None]


def test_nothing_is_a_copy_of_nothing():
    assert likeness.copies([look(textured(1))], []) == [None]
    assert likeness.copies([], [look(textured(1))]) == []


def test_many_are_compared_in_parts(monkeypatch):
    known = [look(textured(seed, 40, 40)) for seed in range(7)]
    whole = likeness.copies(known[::-1], known)
    monkeypatch.setattr(likeness, "AT_ONCE", 2)
    assert likeness.copies(known[::-1], known) == whole == [6, 5, 4, 3, 2, 1, 0]
