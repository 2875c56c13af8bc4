"""What an audit holds and sends at once; pictures sent smaller than they were published."""

from __future__ import annotations

import base64
import io
import re
import threading

import numpy as np
import pytest
import torch
from PIL import Image
from tests.owner import photos
from tests.owner.test_audit import SIDE, Learnt, arguments, call, marked

from taggant.models.model import ModelOptions
from taggant.owner import picture_file, pictures, requests
from taggant.owner.gather import gather_raw
from taggant.owner.ledger import FolderLedger
from taggant.owner.models.open import open_model
from taggant.owner.picture_file import PictureFile, PictureFiles
from taggant.owner.reask import verify_scores
from taggant.owner.record import Record
from taggant.owner.requests import Requests
from taggant.owner.serve import Service
from taggant.owner.verify import read_certificate

SENT = 20


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Marked pictures, and a model that knows the first three of six as they are sent."""
    root = tmp_path_factory.mktemp("sent")
    photos.folder(root / "raw", 6, classes=1)
    return marked(root, known=3)


@pytest.fixture(scope="module")
def service(home):
    served = Service(Learnt(torch.load(home / "known.pt", weights_only=True)), SIDE)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@pytest.fixture(scope="module")
def done(home, service):
    """An audit of pictures sent smaller, and its certificate."""
    first = call(*arguments(home, service.url, home / "audit.json", "--send", SENT))
    assert first.exit_code == 0
    audit = "--audit", home / "audit.json", "--out", home / "cert.json"
    assert call("certify", "--ledger", home / "ledger", *audit).exit_code == 0
    return first.output


def test_the_estimate_names_megabytes_and_minutes(done):
    said = re.search(
        r"That is ([\d,]+) to ([\d,]+) MB of pictures.*?([\d.]+) to ([\d.]+) min", done
    )
    assert said, done


def test_pictures_sent_smaller_are_recorded_certified_and_verified(home, service, done):
    own = read_certificate((home / "cert.json").read_bytes())
    assert Record.load(home / "audit.json").facts.send == own.send == SENT
    assert len(own.opened) >= 2
    assert "to a longer side of 20 pixels" in (home / "cert.html").read_text()
    model = open_model(service.url, ModelOptions(classes=2, batch_size=8))
    assert all(check.ok for check in verify_scores(own, model, home / "raw"))
    for other in (None, 22):
        forged = own.replace(send=other)
        (wrong,) = (c for c in verify_scores(forged, model, home / "raw") if not c.ok)
        assert "scores differ" in wrong.wrong


def test_an_audit_is_of_one_size_sent(home, service, done):
    for other in ((), ("--send", 24)):
        with pytest.raises(ValueError, match="finished audit of another send"):
            call(*arguments(home, service.url, home / "audit.json", *other))
    assert (
        "claimed" in call(*arguments(home, service.url, home / "audit.json", "--send", 20)).output
    )


def test_every_version_is_sent_in_the_same_size(home):
    ledger = FolderLedger.load(home / "ledger")
    raw = gather_raw(ledger, home / "raw")
    setup = Record.load(home / "audit.json").facts
    shapes = {tuple(setup.sent(raw[i]).shape) for i in raw}
    assert all(max(shape[1:]) == SENT for shape in shapes)
    files = [raw.files[i].shape for i in raw]
    groups = list(Requests(setup, 8).groups(list(raw), files))
    assert sorted(i for group in groups for i in group) == sorted(raw)
    for group in groups:
        assert len({Requests(setup, 8).shape_of(raw.files[i].shape) for i in group}) == 1


def test_requests_and_groups_are_bounded_by_bytes(home, service, monkeypatch):
    """Scores do not depend on it; requests hold no more."""
    whole = Record.load(home / "audit.json")
    monkeypatch.setattr(requests, "REQUEST", 3 * 20 * 15 * 3)
    monkeypatch.setattr(requests, "GROUP", 2 * 3 * 20 * 15 * 2)
    monkeypatch.setattr(picture_file, "HELD", 2000)
    sent, answer = [], Service.answer

    def noted(self, texts):
        images = [Image.open(io.BytesIO(base64.b64decode(text))) for text in texts]
        sent.append(sum(np.asarray(image).size for image in images))
        return answer(self, texts)

    monkeypatch.setattr(Service, "answer", noted)
    again = call(*arguments(home, service.url, home / "small.json", "--send", SENT))
    assert again.exit_code == 0
    assert max(sent) <= requests.REQUEST
    few = Record.load(home / "small.json")
    for one, other in zip(whole.scored, few.scored, strict=True):
        assert np.allclose(one.scores[:3], other.scores[:3], atol=1e-5)


def test_a_file_that_changes_while_it_is_used_is_refused(tmp_path):
    photos.write(tmp_path / "a.png", photos.scene(1, 30, 20))
    photos.write(tmp_path / "b.png", photos.scene(2, 30, 20))
    files = {
        n: PictureFile.of(tmp_path / f"{n}.png", pictures.read(tmp_path / f"{n}.png").pixels)
        for n in "ab"
    }
    held = PictureFiles(files)
    assert torch.equal(held["a"], held["a"])
    photos.write(tmp_path / "b.png", photos.scene(3, 30, 20))
    with pytest.raises(ValueError, match=r"b\.png was changed"):
        held["b"]


def test_looking_up_whether_a_picture_is_there_does_not_read_it(tmp_path):
    gone = PictureFiles({"a": PictureFile(tmp_path / "a.png", (3, 20, 30), "0" * 64)})
    assert "a" in gone
    assert "b" not in gone
    assert list(gone) == ["a"]
