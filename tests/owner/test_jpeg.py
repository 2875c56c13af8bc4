"""JPEG files that keep their quality: as an equal choice, committed to, and made alike again."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, JpegImagePlugin
from tests.owner import photos
from tests.owner.forged import N, record_of
from tests.owner.test_mark import fresh

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


def test_a_cameras_own_tables_get_a_quality_that_is_nowhere_coarser():
    table = [7] * 64
    stream = io.BytesIO()
    photos.scene(1, 32, 32).save(stream, "JPEG", qtables=[table, table])
    with Image.open(stream) as image:
        found = settings_of(image)
    assert found.quality == 97
    assert quality_of({0: table, 1: table}) is None
    assert settings_of(photos.scene(1, 32, 32)) is None
