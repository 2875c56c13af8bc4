"""Formats that people have: read, or named with what to do; nothing is passed over in silence."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
import torch
from PIL import Image, ImageCms, ImageOps
from tests.owner import containers, photos
from typer.testing import CliRunner

from taggant.owner import kinds, metadata, pictures
from taggant.owner.cli import app


def heic(image, previews=False, **options):
    """A HEIC file, with a thumbnail and a second picture if so wanted."""
    file = pillow_heif.from_pillow(image)
    if previews:
        file.info["thumbnails"] = [32]
        file.add_from_pillow(ImageOps.invert(image))
    stream = io.BytesIO()
    file.save(stream, quality=100, chroma=444, **options)
    return stream.getvalue()


def encoded(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def deep_png(side):
    """A PNG file of 16 bits a colour."""
    rows = np.arange(side * side * 3, dtype=">u2").reshape(side, side * 3) * 7
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(body)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(containers.chunk, parts))


def mark(folder, *more):
    out = ["--out", str(folder.parent / "out"), "--ledger", str(folder.parent / "own.ledger")]
    return CliRunner().invoke(app, ["mark", str(folder), *out, "--n", "12", *more])


@pytest.fixture
def raw(tmp_path):
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


SCENE = photos.scene(3, 96, 80)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.HEIC", heic(SCENE)),
        ("a.avif", encoded(SCENE, "AVIF", quality=90)),
        ("a.hif", heic(SCENE)),
        ("a.jfif", encoded(SCENE, "JPEG")),
        ("IMG_0001", encoded(SCENE, "JPEG")),
        ("photo.download", encoded(SCENE, "WEBP")),
        ("wrong.heic", encoded(SCENE, "JPEG")),
        (
            "lab.tif",
            encoded(
                ImageCms.profileToProfile(
                    SCENE,
                    ImageCms.createProfile("sRGB"),
                    ImageCms.createProfile("LAB"),
                    outputMode="LAB",
                ),
                "TIFF",
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_is_read_by_its_content_and_published_without_loss(raw, name, content):
    (raw / name).write_bytes(content)
    assert kinds.find(raw).pictures == [name]
    read = pictures.read(raw / name)
    seen = torch.from_numpy(np.array(SCENE)).permute(2, 0, 1)
    assert (read.pixels.int() - seen.int()).abs().float().mean() < 4
    result = mark(raw)
    assert result.exit_code == 0, result.output
    (published,) = (raw.parent / "out").iterdir()
    assert published.suffix == (".tif" if name == "lab.tif" else ".png")


@pytest.mark.parametrize("form", ["HEIF", "AVIF"])
def test_pictures_of_phones_come_upright_and_without_further_ones(raw, form):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    options = {"exif": exif.tobytes()}
    content = heic(SCENE, True, **options) if form == "HEIF" else encoded(SCENE, form, **options)
    (raw / "a.heic").write_bytes(content)
    read = pictures.read(raw / "a.heic")
    assert read.pixels.shape == (3, 96, 80)
    seen = torch.from_numpy(np.array(SCENE.rotate(-90, expand=True))).permute(2, 0, 1)
    assert (read.pixels.int() - seen.int()).abs().float().mean() < 4
    assert read.kept.left_out == (("further pictures", "thumbnails") if form == "HEIF" else ())
    assert mark(raw).exit_code == 0
    (path,) = (raw.parent / "out").iterdir()
    with Image.open(path) as published:
        assert ImageOps.exif_transpose(published).size == (80, 96)
        assert published.getexif()[0x010F] == "Maker"
        assert not metadata.publishable(published).left_out
    assert not metadata.holds_picture(path.read_bytes()[8:])


@pytest.mark.parametrize("how", range(1, 9))
def test_pixels_are_turned_as_pillow_turns_them(tmp_path, how):
    photos.write(tmp_path / "a.png", photos.scene(4, 30, 20), how)
    with Image.open(tmp_path / "a.png") as image:
        seen = np.array(ImageOps.exif_transpose(image))
    pixels = pictures.read(tmp_path / "a.png").pixels
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), seen)


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.jxl", b"\xff\x0a" + bytes(30), "JPEG XL is not read: convert it (djxl"),
        ("jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(30), "JPEG XL"),
        ("DSC01.ARW", b"II*\0" + bytes(30), "camera raw is not read: develop it"),
        ("a.psd", b"8BPS", "this format is not read: export it as PNG"),
    ],
)
def test_what_is_skipped_is_listed_with_exit_code_1(raw, name, content, advice):
    (raw / name).write_bytes(content)
    photos.write(raw / "b.png", SCENE)
    result = mark(raw)
    assert result.exit_code == 1
    assert "1 pictures were not marked:" in result.output
    assert f"  {name}: {advice}" in result.output
    assert (raw.parent / "out" / "b.png").exists()


def test_files_beside_pictures_are_no_failure(raw):
    photos.write(raw / "b.png", SCENE)
    for name in ("b.xmp", "notes.txt", "album.json", "clip.mov", ".DS_Store", "empty"):
        (raw / name).write_bytes(b"" if name == "empty" else b"anything")
    result = mark(raw)
    assert result.exit_code == 0
    assert "5 files that are no pictures are left alone (the first: album.json)" in result.output


def test_without_the_library_a_phones_picture_is_named_with_what_brings_it(raw, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    kinds.formats.cache_clear()
    try:
        photos.write(raw / "b.png", SCENE)
        (raw / "a.heic").write_bytes(heic(SCENE))
        (raw / "c.jpg").write_bytes(heic(SCENE))
        assert kinds.find(raw).unread == {"a.heic": kinds.MISSING["HEIF"]}
        with pytest.raises(pictures.PictureError, match=r"c\.jpg: HEIC needs .*taggant\[heic\]"):
            pictures.read(raw / "c.jpg")
    finally:
        monkeypatch.undo()
        kinds.formats.cache_clear()


def test_deep_colours_are_said_to_become_8_bits(raw):
    (raw / "a.png").write_bytes(deep_png(20))
    assert pictures.read(raw / "a.png").notes == ("its 16 bits a colour become 8",)
    assert "a.png: its 16 bits a colour become 8" in mark(raw).output


def test_a_picture_larger_than_memory_is_refused_unread(raw, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    for name, form in (("a.heic", heic(SCENE)), ("a.avif", encoded(SCENE, "AVIF"))):
        (raw / name).write_bytes(form)
        with pytest.raises(pictures.PictureError, match="decompression bomb"):
            pictures.read(raw / name)
        assert pictures.size_of(raw / name) == 0


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "WEBP"])
def test_every_damaged_file_is_named(tmp_path, form):
    small = SCENE.resize((32, 32))
    whole = heic(small) if form == "HEIF" else encoded(small, form)
    rng, path, refused = np.random.default_rng(3), tmp_path / "a", 0
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, min(len(content), 700), 4):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        assert pictures.size_of(path) >= 0
        refused += not readable(path)
    assert refused > 20


def readable(path):
    """Whether a picture can be read; no other error than the one that says so."""
    try:
        pictures.read(path)
    except pictures.PictureError:
        return False
    return True


def test_a_picture_of_a_phone_is_found_in_a_colour_profile():
    for content in (heic(SCENE), encoded(SCENE, "AVIF")):
        assert metadata.holds_picture(b"profile" * 9 + content)
        assert not metadata.holds_picture(b"profile" * 9 + content[:40])
