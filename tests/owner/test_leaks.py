"""What published files give away of their marks: nothing that the raw files' metadata held."""

from __future__ import annotations

import base64
import io
import re
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.owner import containers, photos

from taggant.data.decode import DAMAGED
from taggant.owner.batch import Batch
from taggant.owner.commands.compose import compose_marking
from taggant.owner.mark import mark

pytestmark = pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")
WIDTH, HEIGHT = 90, 60
FORMS = ("keep", "png", "webp", "tiff", "jpeg")
SIGNATURES = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8", re.DOTALL)
LETTERS = re.compile(rb"[A-Za-z0-9+/\s]{80,}")
DIGITS = re.compile(rb"[0-9a-fA-F\s]{80,}")
PACKED = re.compile(rb"\x78[\x01\x9c\xda]")


def decoded(content: bytes):
    """What stands in letters, digits or packed in a file."""
    for found in LETTERS.finditer(content):
        letters = re.sub(rb"\s", b"", found[0])
        for start in range(4):
            yield base64.b64decode(letters[start : start + (len(letters) - start) // 4 * 4])
    for found in DIGITS.finditer(content):
        digits = re.sub(rb"\s", b"", found[0]).decode()
        for start in range(2):
            yield bytes.fromhex(digits[start : start + (len(digits) - start) // 2 * 2])
    for found in PACKED.finditer(content):
        yield unpacked(content[found.start() :])
    if re.search(rb"(?:[A-Za-z0-9+/]\0){80,}", content):
        yield content.replace(b"\0", b"")


def unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return b""


def opened(content: bytes):
    """The pictures of a file, and the texts that Pillow finds in it; nothing if it is none."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            frames = []
            for frame in range(getattr(image, "n_frames", 1)):
                image.seek(frame)
                frames.append(image.convert("RGB"))
            return frames, image.info.get("comment", b"")
    except DAMAGED:
        return [], b""


def others_in(content: bytes, small: bytes, depth: int = 2):
    """Every second picture in a file: whole files, in whatever letters, frames, bare pixels."""
    frames, text = opened(content)
    yield from frames[1:]
    if small in content:
        yield Image.frombytes("RGB", (60, 40), small)
    for found in SIGNATURES.finditer(content, 1):
        yield from opened(content[found.start() :])[0]
    for piece in (text, *decoded(content)) if depth else ():
        yield from others_in(b"." + piece, small, depth - 1)


def agreement(found: Image.Image, published: np.ndarray, raw: np.ndarray) -> float:
    """Share of a mark's signs that the difference to another picture shows."""
    other = np.asarray(found.resize((WIDTH, HEIGHT)), int)
    return float((np.sign(published - other) == np.sign(published - raw)).mean())


@pytest.fixture(scope="module")
def scene():
    return photos.scene(5, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def raw(tmp_path_factory, scene):
    return containers.folder(tmp_path_factory.mktemp("leaks") / "raw", scene)


def marked(raw, out, form="keep", **options):
    marking = compose_marking("scaled_sign", 4, 10, ["marking.strategy.cells=12"])

    def fresh(entries):
        return Batch.draw(marking, entries, "", form, 90)

    return mark(raw, out, out.with_suffix(".ledger"), fresh, form, **options)


def rgb(path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), int)


@pytest.fixture(scope="module", params=FORMS)
def published(request, raw):
    """A published folder for each format, all through the owner's own command."""
    out = raw.parent / f"out {request.param}"
    return out, marked(raw, out, request.param)


def test_every_container_holds_the_raw_picture_before_it_is_published(raw, scene):
    small = scene.resize((60, 40)).tobytes()
    for path in raw.iterdir():
        pixels = rgb(path)
        shown = pixels + 10 * np.random.default_rng(0).choice([-1, 1], pixels.shape)
        best = max(
            [0.0, *(agreement(o, shown, pixels) for o in others_in(path.read_bytes(), small))]
        )
        assert best > 0.9, path.name


def test_no_published_file_holds_the_raw_picture_a_second_time(published, raw, scene):
    out, result = published
    small = scene.resize((60, 40)).tobytes()
    names = {entry.name for entry in result.ledger.entries}
    assert names == set(containers.every(scene))
    for entry in result.ledger.entries:
        before, after = rgb(raw / entry.name), rgb(out / entry.published)
        content = (out / entry.published).read_bytes()
        assert [agreement(o, after, before) for o in others_in(content, small)] == [], entry.name


def test_the_owner_is_told_what_is_left_out(published):
    _, result = published
    (note,) = [note for note in result.notes if note.startswith("not published")]
    for what in ("preview", "maker note", "further pictures", "other XMP", "other PNG texts"):
        assert what in note
