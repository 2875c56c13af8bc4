import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from taggant.data.decode import eight_bit, square


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def through(image, form, **options):
    """Write and read again, as a file would be."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return Image.open(io.BytesIO(buffer.getvalue()))


def test_rgb_of_the_wanted_size_keeps_its_pixels():
    pixels = noise(32, 32, 3)
    out = square(through(Image.fromarray(pixels), "PNG"), 32)
    assert out.dtype == torch.uint8
    assert np.array_equal(out.permute(1, 2, 0).numpy(), pixels)


def test_centre_is_cut_out():
    pixels = noise(32, 47, 3)
    assert np.array_equal(
        square(Image.fromarray(pixels), 32).permute(1, 2, 0).numpy(), pixels[:, 7:39]
    )


@pytest.mark.parametrize("shape", [(64, 64), (64, 100), (7, 20), (1, 1)])
def test_any_size_becomes_the_wanted_one(shape):
    out = square(Image.fromarray(np.full((*shape, 3), 77, np.uint8)), 32)
    assert out.shape == (3, 32, 32)
    assert out.unique().tolist() == [77]


def test_resizing_averages():
    checker = np.indices((64, 64)).sum(0) % 2 * 255
    out = square(Image.fromarray(checker.astype(np.uint8)), 16).float()
    assert (out - 127.5).abs().max() < 30  # without antialiasing: 127.5


def test_grey_and_black_and_white():
    pixels = noise(8, 8)
    assert torch.equal(
        square(through(Image.fromarray(pixels), "PNG"), 8),
        torch.from_numpy(pixels).expand(3, 8, 8),
    )
    bits = Image.fromarray(pixels).convert("1")
    assert set(square(through(bits, "PNG"), 8).unique().tolist()) == {0, 255}


def test_palette():
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    index = noise(8, 8) % 3
    image = Image.new("P", (8, 8))
    image.putdata(index.ravel().tolist())
    image.putpalette(colours.ravel().tolist())
    for form in ("PNG", "GIF"):
        out = square(through(image, form), 8)
        assert np.array_equal(out.permute(1, 2, 0).numpy(), colours[index])


def test_palette_with_a_transparent_colour():
    image = Image.new("P", (4, 4), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((0, 0), 0)
    out = square(through(image, "PNG", transparency=1), 4)
    assert out[:, 0, 0].tolist() == [255, 0, 0]
    assert out[:, 1, 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_is_composited_on_mid_grey(form):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[..., 3] = [[0], [255], [128], [64]]
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    out = square(through(Image.fromarray(pixels), form, **options), 4)
    expected = [128 + (200 - 128) * alpha / 255 for alpha in (0, 255, 128, 64)]
    assert out[0, :, 0].tolist() == pytest.approx(expected, abs=1)
    assert out[1, 1, 0] == 0
    assert out[1, 0].tolist() == [128] * 4


def test_grey_with_alpha():
    image = Image.merge("LA", [Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 0)])
    assert square(through(image, "PNG"), 4).unique().tolist() == [128]


def test_16_bit_grey_is_scaled_not_clipped():
    wide = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = through(Image.fromarray(wide), "PNG")
    assert image.mode.startswith("I")
    out = square(image, 8)[0].numpy()
    assert np.array_equal(out, np.round(wide / 257).astype(np.uint8))
    assert (out.min(), out.max()) == (0, 255)


def test_16_bit_grey_outside_its_range_ends_at_black_and_white():
    wide = np.array([[-7, 0, 128, 129, 65535, 70000]], np.int32)
    assert np.asarray(eight_bit(Image.fromarray(wide))).tolist() == [[0, 0, 0, 1, 255, 255]]


def test_16_bit_grey_takes_little_memory():
    image = Image.new("I;16", (2000, 3000))
    tracemalloc.start()
    eight_bit(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * image.width * image.height, "bytes a pixel: 2 of the copy, 1 of the result"


def test_16_bit_colour_keeps_its_range():
    def chunk(kind, body):
        checked = kind + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    wide = np.random.default_rng(0).integers(0, 65536, (8, 8, 3)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    header = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    image = Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(parts)))
    out = square(image, 8).permute(1, 2, 0).numpy()
    assert np.array_equal(out, (wide >> 8).astype(np.uint8))


def test_cmyk():
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red = square(through(image, "JPEG", quality=95), 8)[:, 4, 4].tolist()
    assert red[0] > 200
    assert max(red[1:]) < 60


@pytest.mark.parametrize(("orientation", "turn"), [(3, 2), (6, 3), (8, 1)])
def test_exif_rotation(orientation, turn):
    pixels = noise(8, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = square(through(Image.fromarray(pixels), "PNG", exif=exif), 8)
    assert np.array_equal(out.permute(1, 2, 0).numpy(), np.rot90(pixels, turn))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_turns_it(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = through(Image.fromarray(noise(8, 8, 3)), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(square(image, 8).permute(1, 2, 0).numpy(), expected)


def tags(*entries):
    """EXIF data with one directory of (tag, type, count, value or offset)."""
    body = b"".join(struct.pack("<HHI4s", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


DAMAGED = {
    "no EXIF at all": b"garbage, not EXIF",
    "cut off": b"II",
    "a directory beyond the end": b"II*\0\xff\xff\0\0",
    "more entries than there are": b"II*\0\x08\0\0\0\xff\xff",
    "an orientation of text": tags((0x0112, 2, 4, b"abc\0")),
    "an orientation of 9": tags((0x0112, 3, 1, b"\x09\0\0\0")),
    "a fraction without a denominator": tags((0x0112, 5, 1, b"\x08\0\0\0")),
    "an unknown type": tags((0x0112, 99, 1, b"\x06\0\0\0")),
}


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("exif", DAMAGED.values(), ids=DAMAGED)
def test_a_picture_with_damaged_exif_data_is_read(form, exif):
    options = {"lossless": True} if form == "WEBP" else {"quality": 100, "subsampling": 0}
    pixels = np.repeat(noise(1, 1, 3), 64, 0).reshape(8, 8, 3)
    image = through(Image.fromarray(pixels), form, exif=b"Exif\0\0" + exif, **options)
    out = square(image, 8).permute(1, 2, 0).numpy()
    assert np.abs(out.astype(int) - pixels).max() <= 2


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    image = through(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert square(image, 8)[:, 0, 0].tolist() == [255, 0, 0]
