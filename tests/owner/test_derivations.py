"""What was marked, audited and certified by an older rule of drawing stays as it is.

The files in `derivation_1` were written by the last version of taggant that knew the first rule
only, for `photos.folder` and the record of `forged`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.owner import photos
from tests.owner.forged import COUNT, N, marked, record_of
from tests.owner.test_mark import fresh

from taggant.marking.draws import DERIVATION
from taggant.marking.stream import rule_of
from taggant.owner import pictures
from taggant.owner.certify import certificate
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.scheme import ColoursOnly
from taggant.owner.verify import read_certificate, verify

OLD = Path(__file__).parent / "derivation_1"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The old ledger, mode 0600, beside the raw pictures."""
    root = tmp_path_factory.mktemp("old")
    photos.folder(root / "raw", COUNT, classes=1)
    shutil.copy(OLD / "ledger.json", root / "ledger")
    (root / "ledger").chmod(0o600)
    return root


def test_an_old_certificate_verifies():
    assert verify((OLD / "certificate.json").read_bytes()).ok


def test_an_old_ledger_gives_the_same_certificate_and_the_same_pictures(old):
    ledger = FolderLedger.load(old / "ledger")
    assert ledger.terms.derivation == 1
    assert not ledger.terms.spares_clear
    before = read_certificate((OLD / "certificate.json").read_bytes())
    again = certificate(ledger, record_of(ledger))
    statements = {name: getattr(before, name) for name in ("created", "sha256", "software")}
    assert again.replace(**statements) == before
    compared = 0
    for image_id, entry in ledger.files.items():
        if entry.name.endswith(".png"):  # other formats lose pixels, each library its own
            own = ledger.draws(image_id)
            raw = pictures.read(old / "raw" / entry.name).pixels
            index = np.array([[own.index()]])
            made = (
                ledger.batches[0]
                .made.build()
                .versions(
                    ColoursOnly(ledger.scheme, False), [own.secret], raw[None], [image_id], index
                )
            )
            assert pictures.digest(made[0, 0]) == entry.pixels, entry.name
            compared += 1
    assert compared > 1


def test_marking_goes_on_by_the_rule_that_it_began_with(old, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr("taggant.owner.commitments.DERIVATION", 1)
        first = mark(old / "raw", old / "out", old / "begun", fresh(n=N), "keep", "")
    shown = sorted((old / "out").rglob("*.*"))
    shown[0].unlink()
    again = mark(old / "raw", old / "out", old / "begun", fresh(n=N), "keep", "")
    ledger = FolderLedger.load(old / "begun")
    assert ledger.terms.derivation == 1
    assert sorted((old / "out").rglob("*.*")) == shown
    assert again.ledger.entries == first.ledger.entries


def test_what_is_marked_now_is_drawn_by_the_new_rule(tmp_path):
    ledger = marked(tmp_path, "")
    assert ledger.terms.derivation == DERIVATION == 2
    assert {rule_of(ledger.draws(image_id).secret) for image_id in ledger.files} == {2}
