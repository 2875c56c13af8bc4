"""Metadata of published files: made anew of what is named, and what is named stays."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational
from tests.owner import containers, photos
from typer.testing import CliRunner

from taggant.owner import metadata, pictures, xmp
from taggant.owner.cli import app
from taggant.owner.jpeg import JpegSettings

IFD = ExifTags.IFD
FORMS = {"png": ".png", "webp": ".webp", "tiff": ".tif", "jpeg": ".jpg"}
SHOT = {
    0x829A: IFDRational(1, 60),
    0x9003: "2020:01:02 03:04:05",
    0x8827: 200,
    0x9286: b"ASCII\0\0\0by the sea",
    0xA434: "50 mm",
}
HERE = {1: "N", 2: (IFDRational(48), IFDRational(8), IFDRational(123, 10)), 5: b"\0"}
NS = {"dc": "http://purl.org/dc/elements/1.1/", "plus": "http://ns.useplus.org/ldf/xmp/1.0/"}
WORDS = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{containers.RDF}"><rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:cc="http://creativecommons.org/ns#" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:crs="http://ns.adobe.com/crs/1.0/" '
    'photoshop:Credit="A. Owner" crs:Exposure="1" exif:GPSLatitude="48,8.2N">'
    '<dc:title><rdf:Alt><rdf:li xml:lang="x-default">The sea &amp; me</rdf:li></rdf:Alt></dc:title>'
    "<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>sky</rdf:li></rdf:Bag></dc:subject>"
    "<plus:DataMining>http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING</plus:DataMining>"
    '<cc:license rdf:resource="https://creativecommons.org/licenses/by-nc-nd/4.0/"/>'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
).encode()


@pytest.fixture
def photo(tmp_path):
    """A JPEG file as a camera and an editor leave it."""
    exif = Image.Exif()
    exif[0x010F], exif[0x8298], exif[0x0112] = "Maker", "An Owner", 6
    exif[0x011A], exif[0x0128] = IFDRational(300), 2
    exif[IFD.Exif], exif[IFD.GPSInfo] = SHOT, HERE
    path = tmp_path / "photo.jpg"
    path.write_bytes(
        containers.jpeg(photos.scene(2, 30, 20), exif=exif, xmp=WORDS, icc_profile=b"profile" * 30)
    )
    return path


def published(path, form, **options):
    picture = pictures.read(path, **options)
    pixels = picture.pixels
    jpeg = JpegSettings(quality=95) if form == "jpeg" else None
    content = pictures.encode(pictures.to_image(pixels), picture.kept, form, jpeg)
    target = path.with_name(f"out{FORMS[form]}")
    target.write_bytes(content)
    if form != "jpeg":
        assert torch.equal(pictures.read(target).pixels, pixels)
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("form", FORMS)
def test_the_authors_words_and_the_camera_stay(photo, form):
    image = published(photo, form)
    exif = image.getexif()
    assert (exif[0x010F], exif[0x8298]) == ("Maker", "An Owner")
    shot = exif.get_ifd(IFD.Exif)
    assert {tag: shot[tag] for tag in SHOT} == SHOT
    assert image.info["icc_profile"] == b"profile" * 30
    found = metadata.publishable(image)
    assert found.left_out == ()
    for word in (b"The sea &amp; me", b"sky", b"A. Owner", b"AIMLTRAINING", b"by-nc-nd"):
        assert word in found.xmp
    assert b"Exposure" not in found.xmp


@pytest.mark.parametrize("form", FORMS)
def test_the_place_stays_unless_it_is_stripped(photo, form):
    kept = published(photo, form)
    assert dict(kept.getexif().get_ifd(IFD.GPSInfo)) == HERE
    assert metadata.publishable(kept).has_location
    stripped = published(photo, form, keep_location=False)
    assert not stripped.getexif().get_ifd(IFD.GPSInfo)
    found = metadata.publishable(stripped)
    assert not found.has_location
    assert b"GPS" not in found.xmp
    assert found.scene[0x010F] == "Maker"


@pytest.mark.parametrize("form", ["png", "webp"])
def test_the_place_of_an_xmp_packet_counts_too(tmp_path, form):
    path = tmp_path / "a.jpg"
    path.write_bytes(containers.jpeg(photos.scene(2, 30, 20), xmp=WORDS))
    assert metadata.publishable(published(path, form)).has_location
    assert not metadata.publishable(published(path, form, keep_location=False)).has_location


@pytest.mark.parametrize("form", FORMS)
def test_a_published_file_published_again_says_the_same(photo, form):
    first = published(photo, form)
    again = published(photo.with_name(f"out{FORMS[form]}"), form)
    one, other = metadata.publishable(first), metadata.publishable(again)
    assert (one.scene, one.camera, one.gps, one.xmp) == (
        other.scene,
        other.camera,
        other.gps,
        other.xmp,
    )


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a dog at the sea\r\nby Me, © 2024", True),
        ("犬" * 300, True),
        ("see https://example.org/a/very/long/name/of/a/picture/of/mine/1234567890.html", True),
        ("word " * 200, True),
        ("word " * 201, False),
        ("A" * 41, False),
        ("\xff\xd8\xff\xe0\x00\x10JFIF", False),
        ("\ufffd", False),
    ],
)
def test_plain_texts_are_short_and_of_words(text, plain):
    assert metadata.is_plain(text) == plain


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"no XML",
        b"\xff\xfe<",
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        WORDS.replace(b"<x:xmpmeta", b'<!DOCTYPE a [<!ENTITY b "c">]><x:xmpmeta'),
    ],
)
def test_packets_that_cannot_be_read_are_left_out(packet):
    assert xmp.rebuilt(packet, True, metadata.is_plain)[0] == b""


def test_a_packet_keeps_no_structures_and_no_second_value():
    end = b"</rdf:RDF>"
    description = WORDS[WORDS.index(b"<rdf:Desc") : WORDS.index(end)]
    twice = WORDS.replace(end, description + end)
    kept, dropped = xmp.rebuilt(twice, True, metadata.is_plain)
    assert kept.count(b"<dc:title>") == 1
    assert dropped
    inside = WORDS.replace(b"sky", b"<rdf:Description dc:title='a'/>")
    assert b"dc:subject" not in xmp.rebuilt(inside, True, metadata.is_plain)[0]


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_picture_with_damaged_exif_data_is_marked_and_said(tmp_path, form):
    path = tmp_path / f"a.{form}"
    photos.scene(1, 30, 20).save(path, exif=b"Exif\0\0no EXIF data")
    assert pictures.read(path).kept.left_out == ("unreadable EXIF data",)
    assert not published(path, form).getexif()


def test_pages_are_refused_and_previews_left_out(tmp_path):
    scene, path = photos.scene(1, 30, 20), tmp_path / "a.tif"
    path.write_bytes(containers.tiff(scene, pages=[scene.resize((20, 16))]))
    assert pictures.read(path).pixels.shape == (3, 20, 30)
    scene.save(path, save_all=True, append_images=[scene.copy()])
    with pytest.raises(pictures.PictureError, match="2 frames"):
        pictures.read(path)
    scene.save(path, tiffinfo={254: 1})
    with pytest.raises(pictures.PictureError, match="first picture is a preview"):
        pictures.read(path)


def test_values_too_long_for_their_tags_are_left_out(tmp_path):
    path = tmp_path / "a.jpg"
    comment = "né".encode("utf-16-le") * 40
    shot = [(0x9000, 7, b"0232"), (0xA300, 7, bytes(65)), (0x9286, 7, b"UNICODE\0" + comment)]
    exif = b"Exif\0\0" + containers.exif(shot=shot)
    path.write_bytes(containers.jpeg(photos.scene(1, 30, 20), exif=exif))
    shot = metadata.publishable(Image.open(path)).camera
    assert set(shot) == {0x9000, 0x9286}


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_the_owners_word_on_data_mining_is_written(tmp_path, name):
    photos.write(tmp_path / name, photos.scene(1, 30, 20))
    raw = pictures.read(tmp_path / name)
    image = pictures.to_image(raw.pixels)
    for kind in FORMS:
        jpeg = JpegSettings(quality=95) if kind == "jpeg" else None
        for kept in (raw.kept, raw.kept.without_mining()):
            target = tmp_path / f"out{pictures.SUFFIX_OF[kind]}"
            target.write_bytes(pictures.encode(image, kept, kind, jpeg))
            found = pictures.read(target).kept
            assert found.forbids_mining == kept.forbids_mining == (kept is not raw.kept)
    again = pictures.encode(image, found.without_mining(), "png")  # it stands there once
    assert again.count(b"DMI-PROHIBITED") == 1


def test_files_that_lack_the_owners_word_are_told(tmp_path):
    photos.folder(tmp_path / "raw", 1)
    arguments = ["mark", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--ledger"]
    arguments += [str(tmp_path / "l"), "--n", "12"]
    run = CliRunner().invoke
    assert run(app, arguments).exit_code == 0
    told = run(app, [*arguments, "--no-mining"])
    assert "--no-mining: " in str(told.exception)
    (file,) = (path for path in (tmp_path / "out").rglob("*.*") if path.is_file())
    file.unlink()
    assert run(app, [*arguments, "--no-mining"]).exit_code == 0
    assert b"DMI-PROHIBITED" in file.read_bytes()
    assert run(app, arguments).exit_code == 0
