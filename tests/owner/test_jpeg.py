"""JPEG files that keep their quality: as an equal choice, committed to, and made alike again."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin
from tests.owner import photos
from tests.owner.forged import N, record_of
from tests.owner.test_audit import SIDE, Learnt, arguments, call, served
from tests.owner.test_mark import fresh

from taggant.data.decode import square, to_image
from taggant.owner import pictures
from taggant.owner.certify import certificate, with_digest
from taggant.owner.gather import gather, gather_raw
from taggant.owner.jpeg import JpegSettings, quality_of, settings_of
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.schema import to_json
from taggant.owner.scheme import as_marked
from taggant.owner.verify import verify

SAMPLINGS = (0, 1, 2)


@pytest.fixture
def folder(tmp_path):
    """Files of three qualities and samplings, one of them turned, and one that is no JPEG."""
    for k, quality in enumerate((70, 88, 93)):
        path = tmp_path / "raw" / "class0" / f"{k}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = (1, 6, 3)[k]
        options = {"quality": quality, "subsampling": SAMPLINGS[k], "exif": exif}
        photos.scene(k, 64, 48).save(path, **options)
    photos.write(tmp_path / "raw" / "class0" / "x.png", photos.scene(9, 64, 48))
    return tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(form="jpeg", n=N), "jpeg"


def test_jpeg_files_keep_their_quality_and_hidden_versions_are_made_alike(tmp_path, folder):
    done = mark(*folder, own_quality=True)
    assert mark(*folder, own_quality=True).already_there == 4
    for entry in done.ledger.entries:
        one, other = tmp_path / "raw" / entry.name, tmp_path / "out" / entry.published
        with Image.open(one) as before, Image.open(other) as out:
            assert (entry.jpeg is None) == (before.format == "PNG")
            if before.format == "JPEG":
                assert out.quantization == before.quantization
                assert JpegImagePlugin.get_sampling(out) == SAMPLINGS[int(one.stem)]
    ledger = FolderLedger.load(tmp_path / "ledger")
    raw = gather_raw(ledger, tmp_path / "raw")
    scheme = as_marked(ledger)
    for one in gather(ledger, raw, tmp_path / "out"):
        own, index = ledger.draws(one.entry.id), np.array([[ledger.index(one.entry.id)]])
        made = scheme.versions([own.secret], one.raw[None], [one.entry.id], index)
        assert torch.equal(made[0, 0], one.published)
    with pytest.raises(ValueError, match="belongs to other pictures or another format"):
        mark(*folder)  # of another quality


def test_the_quality_of_a_published_file_is_committed_to(folder):
    mark(*folder, own_quality=True)
    ledger = FolderLedger.load(folder[2])
    made = certificate(ledger, record_of(ledger), everything=True)
    assert verify(to_json(made)).ok
    opened = next(one for one in made.opened if one.jpeg is not None)
    forged = opened.replace(jpeg=JpegSettings(quality=50))
    kept = [forged if one == opened else one for one in made.opened]
    found = verify(to_json(with_digest(made.replace(opened=tuple(kept)))))
    assert "does not open" in found.checks[-1].wrong


# --- transparent pictures among JPEG files -----------------------------------------------------


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Two weeks of photographs and transparent pictures, and what the calls said."""
    root = tmp_path_factory.mktemp("mixed")
    options = ("--ledger", root / "ledger", "--format", "jpeg", "--n", N)
    told = []
    for week, more in enumerate(([], ["--append"])):
        for k, mode in enumerate(("RGB", "RGBA", "LA", "CMYK")):
            suffix = {"RGB": "jpg", "CMYK": "tif"}.get(mode, "png")
            image = photos.in_mode(photos.scene(10 * week + k, 80, 60), mode)
            photos.write(root / "raw" / "class0" / f"{week}{k}.{suffix}", image)
        told.append(call("mark", root / "raw", "--out", root / "out", *options, *more))
    return root, told


def test_transparent_pictures_are_published_as_png_and_it_is_said_once(mixed):
    root, told = mixed
    ledger = FolderLedger.load(root / "ledger")
    kinds = {entry.published[7:]: entry.format for entry in ledger.entries}
    jpeg = {f"{week}{k}.jpg": None for week in (0, 1) for k in (0, 3)}
    assert kinds == jpeg | {f"{week}{k}.png": "png" for week in (0, 1) for k in (1, 2)}
    for entry in ledger.entries:
        with Image.open(root / "out" / entry.published) as image:
            assert image.format == ("JPEG" if entry.format is None else "PNG")
    assert [said.exit_code for said in told] == [0, 0]
    for week, said in enumerate(told):
        words = " ".join(said.output.split())
        assert words.count("transparency, which JPEG cannot hold: they are published as PNG") == 1
        assert f"{2 + 2 * week} pictures have transparency" in words
        assert "(the first: class0/01.png)" in words


def test_a_mixed_folder_is_audited_and_every_version_made_again(mixed):
    root, _ = mixed
    ledger = FolderLedger.load(root / "ledger")
    seen = [pictures.read(root / "out" / one.published).pixels for one in ledger.entries]
    known = torch.stack([square(to_image(one), SIDE) for one in seen])
    with served(Learnt(known)) as url:
        done = call(*arguments(root, url, root / "a.json", "--fdr", "0.2"))
        assert done.exit_code == 0
        words = ("--ledger", root / "ledger", "--audit", root / "a.json")
        assert call("certify", *words, "--out", root / "c.json", "--open-all").exit_code == 0
        checked = call("verify", root / "c.json", "--model", url, "--raw", root / "raw")
    assert checked.exit_code == 0
    assert "the model gives the scores" in checked.output
    content = (root / "c.json").read_bytes()
    assert content.count(b'"format": "png"') == 4
    made = verify(content).certificate
    assert made is not None
    assert sum(one.claim for one in made.pictures) == 8


def test_which_picture_is_png_is_committed_to(mixed):
    ledger = FolderLedger.load(mixed[0] / "ledger")
    made = certificate(ledger, record_of(ledger), everything=True)
    for value in ("png", None):
        opened = next(one for one in made.opened if one.format != value)
        kept = [one.replace(format=value) if one == opened else one for one in made.opened]
        found = verify(to_json(with_digest(made.replace(opened=tuple(kept)))))
        assert "does not open" in found.checks[-1].wrong


def test_a_transparent_picture_is_never_compressed():
    transparent = photos.in_mode(photos.scene(1, 20, 20), "RGBA")
    with pytest.raises(ValueError, match="JPEG holds no transparency"):
        JpegSettings.from_values(quality=90).encoded(transparent)


def test_a_cameras_own_tables_get_a_quality_that_is_nowhere_coarser():
    table = [7] * 64
    stream = io.BytesIO()
    photos.scene(1, 32, 32).save(stream, "JPEG", qtables=[table, table])
    with Image.open(stream) as image:
        found = settings_of(image)
    assert found.quality == 97
    assert quality_of({0: table, 1: table}) is None
    assert settings_of(photos.scene(1, 32, 32)) is None
