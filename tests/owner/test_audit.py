"""From marked pictures to a verified certificate, over HTTP and otherwise; and what goes wrong."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import stat
import threading

import numpy as np
import pytest
import requests
import torch
from tests.owner import photos
from tests.owner.test_mark import fresh
from typer.testing import CliRunner

from taggant.models.model import ModelOptions
from taggant.owner import certify
from taggant.owner.cli import app
from taggant.owner.gather import gather, gather_raw
from taggant.owner.journal import RunningError
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path, mark
from taggant.owner.models.open import open_model
from taggant.owner.reask import verify_scores
from taggant.owner.record import Record
from taggant.owner.schema import to_json
from taggant.owner.serve import Service
from taggant.owner.verify import read_certificate, verify
from taggant.score.oracle import QueryError
from taggant.score.remote import Endpoint
from taggant.store import lock

SIDE, CLASSES, N = 24, 2, 40


class Learnt(torch.nn.Module):
    """A victim that knows some squares by heart: class 0 the more, the nearer a square is."""

    def __init__(self, squares):
        super().__init__()
        self.squares = squares.float().flatten(1)

    def forward(self, images):
        apart = torch.cdist(images.float().flatten(1).double(), self.squares.double()).amin(1)
        near = 6 - 12 * apart / 400
        return torch.stack([near, -near], 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Marked pictures of one class, and a model that knows the first five of eight."""
    root = tmp_path_factory.mktemp("home")
    photos.folder(root / "raw", 8, classes=1)
    return marked(root, known=5)


def marked(root, known):
    """Mark what is in ``raw``, and let a model learn the first `known` published pictures."""
    from taggant.data.decode import square, to_image
    from taggant.owner.pictures import read

    torch.set_num_threads(1)
    mark(root / "raw", root / "out", root / "ledger", fresh(n=N), "keep")
    ledger = FolderLedger.load(root / "ledger")
    used = [to_image(read(root / "out" / e.published).pixels) for e in ledger.entries[:known]]
    torch.save(torch.stack([square(image, SIDE) for image in used]), root / "known.pt")
    return root


@pytest.fixture
def service(home):
    served = Service(Learnt(torch.load(home / "known.pt", weights_only=True)), SIDE)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


@contextlib.contextmanager
def served(model):
    """A model at an address of this machine."""
    service = Service(model, SIDE)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    yield service.url
    service.shutdown()
    service.server_close()


def arguments(home, model, out, *more):
    return [
        *("audit", "--ledger", str(home / "ledger"), "--raw", str(home / "raw"), "--published"),
        *(str(home / "out"), "--model", model, "--out", str(out), "--classes", "class0,class1"),
        *("--yes", "--p", "0.1", "--batch", "8", *more),
    ]


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def done(home):
    """An audit by URL and its certificate."""
    served = Service(Learnt(torch.load(home / "known.pt", weights_only=True)), SIDE)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    assert call(*arguments(home, served.url, home / "audit.json")).exit_code == 0
    told = call(
        *("certify", "--ledger", home / "ledger", "--audit", home / "audit.json"),
        *("--out", home / "cert.json"),
    )
    assert told.exit_code == 0
    yield served.url
    served.shutdown()
    served.server_close()


def test_an_audit_by_url_claims_what_was_learnt_and_verifies(home, done):
    body = json.loads((home / "cert.json").read_text())
    ledger = FolderLedger.load(home / "ledger")
    claimed = {opened["id"] for opened in body["opened"]}
    used = {entry.id for entry in ledger.entries[:5]}
    assert used <= claimed
    assert body["set_p"] < 0.1
    result = call("verify", home / "cert.json", "--commitment", commitment_path(home / "ledger"))
    assert result.exit_code == 0, result.output
    again = call(
        *("verify", home / "cert.json", "--model", done, "--raw", home / "raw"),
        *("--classes", "class0,class1"),
    )
    assert again.exit_code == 0, again.output
    assert "ok    the model gives the scores" in again.output


KEY = "k3y-0f-m1ne"


def test_a_second_audit_on_one_out_says_that_the_first_is_running(
    home, service, tmp_path, monkeypatch
):
    monkeypatch.setattr(lock, "PATIENCE", 0.0)
    out = tmp_path / "audit.json"
    refused = []
    query = Endpoint.query

    def slow(self, images):
        monkeypatch.setattr(Endpoint, "query", query)
        with pytest.raises(RunningError, match=r"another audit .* is running .*audit\.json"):
            call(*arguments(home, service.url, out))
        refused.append(True)
        return query(self, images)

    monkeypatch.setattr(Endpoint, "query", slow)
    assert call(*arguments(home, service.url, out)).exit_code == 0
    assert refused
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.json", "audit.json.journal"]


@pytest.mark.parametrize("query", [f"?sas={KEY}&version=2", f"?{KEY}", f"?code={KEY}#{KEY}"])
def test_no_key_of_a_url_reaches_a_record_or_a_message(home, service, tmp_path, query):
    url = service.url.replace("//", f"//me:{KEY}@") + query
    out = tmp_path / "audit.json"
    told = call(*arguments(home, url, out))
    assert told.exit_code == 0, told.output
    made = call(
        *("certify", "--ledger", home / "ledger", "--audit", out, "--out", tmp_path / "c.json")
    )
    assert KEY not in told.output + made.output
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {"audit.json", "audit.json.journal", "c.json", "c.html"} <= set(files)
    for name, content in files.items():
        assert KEY.encode() not in content, name
    other = url.replace(KEY, "an0ther-0ne")
    with pytest.raises(ValueError, match="another audit"):
        call(*arguments(home, other, out))


def test_no_key_of_a_url_reaches_the_message_of_a_model_that_does_not_answer(home, tmp_path):
    url = f"http://me:{KEY}@127.0.0.1:9/?sas={KEY}"
    with pytest.raises(QueryError, match="did not answer") as error:
        call(*arguments(home, url, tmp_path / "a.json", "--retries", "0"))
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "typed", [f"Authorization={KEY}", f"Authorization: {KEY}==", f"X=Bearer {KEY}", "X=abc123XYZ"]
)
def test_a_key_typed_in_place_of_its_variable_is_not_shown(home, tmp_path, typed):
    words = arguments(home, "http://127.0.0.1:9/", tmp_path / "a.json", "--header", typed)
    with pytest.raises(ValueError, match="--header") as error:
        call(*words)
    assert KEY not in str(error.value)
    assert "abc123XYZ" not in str(error.value)


@pytest.mark.parametrize("folder", ["raw", "out", "copies"])
def test_an_audit_in_a_folder_of_pictures_is_refused(home, folder):
    (home / "copies").mkdir(exist_ok=True)
    words = arguments(home, "http://127.0.0.1:9/", home / folder / "audit.json")
    with pytest.raises(ValueError, match=r"--out .*audit\.json lies in --"):
        call(*words, "--published-copy", home / "copies")
    assert not list(home.rglob("*/audit.json*"))


def test_only_asked_openings_leave_the_ledger(home, done):
    ledger = FolderLedger.load(home / "ledger")
    body = json.loads((home / "cert.json").read_text())
    claimed = {opened["id"] for opened in body["opened"]}
    public = [home / "cert.json", home / "cert.html", commitment_path(home / "ledger")]
    text = "".join(path.read_text() for path in public)
    assert ledger.key.hex() not in text
    for image_id, own in ledger.batches[0].pictures.items():
        assert (own.secret.hex() in text) == (image_id in claimed)
    for name in ("ledger", "audit.json", "audit.json.journal"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert ledger.key not in (home / "audit.json.journal").read_bytes()


def test_forged_scores_are_rejected_by_the_model(home, done):
    c = read_certificate((home / "cert.json").read_bytes())
    model = open_model(done, ModelOptions(classes=CLASSES))
    assert all(check.ok for check in verify_scores(c, model, home / "raw"))
    first, *rest = c.opened
    own = first.scores[0] + 1
    scores = {"scores": (own, *first.scores[1:]), "again": (own, own)}
    for change in (scores, {"label": "class1"}, {"published_sha256": "0" * 64}):
        forged = c.replace(opened=(first.replace(**change), *rest))
        assert not verify_scores(forged, model, home / "raw")[-1].ok, change


def test_versions_that_tie_are_put_into_no_order_by_the_room_left_to_arithmetic(home, done):
    """A forger of a constant model moves scores by less than is held against another machine."""
    c = read_certificate((home / "cert.json").read_bytes())

    class Constant(Learnt):
        def forward(self, images):
            return torch.zeros(len(images), CLASSES)

    served = Service(Constant(torch.load(home / "known.pt", weights_only=True)), SIDE)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    model = open_model(served.url, ModelOptions(classes=CLASSES))
    opened = []
    for one in c.opened:
        told = tuple(np.float32([2e-4, *[1e-4] * (len(one.scores) - 1)]).tolist())
        opened.append(one.replace(scores=told, again=(told[0], told[0])))
    forged = c.replace(opened=tuple(opened), model=c.model.replace(fingerprint=model.fingerprint))
    *before, last = verify_scores(forged, model, home / "raw")
    assert all(check.ok for check in before)
    # By the ties' keys, which are drawn anew in every run, some audits would have read on.
    assert "claims are not made" in last.wrong or "undecided after their reads" in last.wrong
    served.shutdown()
    served.server_close()


def test_another_model_is_refused(home, done, service):
    result = call("verify", home / "cert.json", "--model", service.url, "--raw", home / "raw")
    assert result.exit_code == 1
    assert "it is another model" in result.output


def test_an_interrupted_audit_pays_no_query_twice(home, tmp_path, service):
    whole = call(*arguments(home, service.url, tmp_path / "whole.json"))
    assert whole.exit_code == 0
    paid = service.answered
    service.answered = 0
    for budget in (30, 75):
        with pytest.raises(RuntimeError, match=f"budget of {budget} queries is used up"):
            call(*arguments(home, service.url, tmp_path / "cut.json", "--budget", budget))
        assert service.answered <= budget
    assert call(*arguments(home, service.url, tmp_path / "cut.json")).exit_code == 0
    assert service.answered == paid
    first, second = (json.loads((tmp_path / f"{x}.json").read_text()) for x in ("whole", "cut"))
    assert first["scored"] == second["scored"]


def test_a_server_that_dies_loses_nothing(home, tmp_path, service):
    class Dying(Learnt):
        left = 60

        def forward(self, images):
            Dying.left -= 1
            if Dying.left < 0:
                raise RuntimeError("dead")
            return super().forward(images)

    alive = service.model
    service.model = Dying(torch.load(home / "known.pt", weights_only=True))
    with pytest.raises(RuntimeError, match="status 400"):
        call(*arguments(home, service.url, tmp_path / "a.json"))
    answered = service.answered
    service.model = alive
    assert call(*arguments(home, service.url, tmp_path / "a.json")).exit_code == 0
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["paid"] == service.answered
    assert 0 < answered < record["paid"]


def test_a_killed_audit_asks_again_only_what_was_under_way(home, tmp_path, service):
    answered, answer = [], service.answer

    def deadly(texts):
        answered.append(len(texts))
        if len(answered) == 12:
            os.kill(child, signal.SIGKILL)
        return answer(texts)

    service.answer = deadly
    child = os.fork()
    if child == 0:
        try:
            call(*arguments(home, service.url, tmp_path / "a.json"))
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert call(*arguments(home, service.url, tmp_path / "a.json")).exit_code == 0
    record = json.loads((tmp_path / "a.json").read_text())
    assert sum(answered) - record["paid"] == answered[11]


def test_the_service_says_in_json_what_it_cannot_answer(service):
    for body in ({}, {"images": ["no picture"]}, {"images": 3}):
        reply = requests.post(service.url, json=body, timeout=5)
        assert reply.status_code == 400
        assert len(reply.json()["error"]) > 10


def test_an_endpoint_that_is_gone_is_told(home, tmp_path, service):
    url = service.url
    service.shutdown()
    service.server_close()
    with pytest.raises(
        RuntimeError, match=r"did not answer \(ConnectionRefusedError: .*\) after 1 of 1"
    ):
        call(*arguments(home, url, tmp_path / "a.json", "--retries", "0"))


def test_a_model_that_is_swapped_midway_voids_the_audit(tmp_path, service):
    # Of one size, so that all are read together, and all known, so that each takes 20 reads or so.
    for number in range(4):
        photos.write(tmp_path / "raw" / "class0" / f"{number}.png", photos.scene(number, 30, 30))
    home = marked(tmp_path, known=4)

    class Swapped(Learnt):
        asked = 0

        def forward(self, images):
            Swapped.asked += 1
            return super().forward(images) * (1 if Swapped.asked < 40 else -1)

    service.model = Swapped(torch.load(home / "known.pt", weights_only=True))
    with pytest.raises(RuntimeError, match="audit is void"):
        call(*arguments(home, service.url, tmp_path / "b.json"))


def test_another_ledger_finds_other_pictures(home, tmp_path):
    photos.folder(tmp_path / "raw", 2, classes=1)
    photos.write(tmp_path / "raw" / "class0" / "z.png", photos.scene(77, 30, 30))
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(n=N), "keep")
    words = arguments(home, "http://127.0.0.1:9/", tmp_path / "a.json")
    words[words.index("--ledger") + 1] = str(tmp_path / "ledger")
    with pytest.raises(ValueError, match=r"1 of 3 raw pictures .*class0/z\.png"):
        call(*words)


def test_the_price_is_told_before_and_kept(home, tmp_path, service):
    words = arguments(home, service.url, tmp_path / "a.json", "--price", "1000")
    words.remove("--yes")
    asked = CliRunner().invoke(app, words, input="n\n")
    assert asked.exit_code == 1
    assert service.answered == 0
    told = call(*words, "--yes").output.split("Failed")[0]
    unused, used, most = (int(number) for number in re.findall(r"(\d+) queries", told))
    assert f"({most:.2f})" in told
    assert max(unused, used) < most
    assert 0 < service.answered <= most


def test_a_full_disk_loses_no_answer(home, tmp_path, service):
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, resource.RLIM_INFINITY))
        code = 1
        try:
            call(*arguments(home, service.url, tmp_path / "a.json"))
        except OSError as error:
            code = 7 if "recorded before is kept" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    before = service.answered
    assert call(*arguments(home, service.url, tmp_path / "a.json")).exit_code == 0
    record = json.loads((tmp_path / "a.json").read_text())
    assert service.answered - record["paid"] <= 8  # at most the batch that could not be written
    assert before > 0


def test_what_is_missing_or_edited_is_named(home, tmp_path, done):
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(home / "raw", raw)
    shutil.copytree(home / "out", out)
    ledger = FolderLedger.load(home / "ledger")
    first = ledger.entries[0]
    (raw / first.name).rename(raw / "elsewhere.jpg")  # moved: found by content
    assert len(gather(ledger, gather_raw(ledger, raw), out)) == 8
    (raw / "elsewhere.jpg").unlink()
    with pytest.raises(ValueError, match=f"1 of 8 raw pictures .*{first.name}"):
        gather(ledger, gather_raw(ledger, raw), out)
    (out / first.published).write_bytes((out / ledger.entries[1].published).read_bytes())
    with pytest.raises(ValueError, match=f"edited .*{first.published}"):
        gather(ledger, gather_raw(ledger, home / "raw"), out)


def test_another_audits_journal_and_ledger_are_refused(home, tmp_path, done):
    shutil.copy(home / "audit.json.journal", tmp_path / "b.json.journal")
    with pytest.raises(ValueError, match="answers of another audit"):
        call(*arguments(home, done, tmp_path / "b.json", "--score", "loss"))
    photos.folder(tmp_path / "raw", 2, classes=1)
    mark(tmp_path / "raw", tmp_path / "out", tmp_path / "ledger", fresh(n=N), "keep")
    other = FolderLedger.load(tmp_path / "ledger")
    with pytest.raises(ValueError, match="other pictures than this ledger"):
        certify.certificate(other, Record.load(home / "audit.json"))


def test_a_finished_audit_is_shown_and_never_written_over(home, tmp_path, service):
    out = tmp_path / "a.json"
    assert call(*arguments(home, service.url, out)).exit_code == 0
    content, paid = out.read_bytes(), service.answered
    assert "pictures claimed" in call(*arguments(home, service.url, out)).output
    (tmp_path / "a.json.journal").unlink()
    for more, says in (
        (("--score", "loss"), "another score"),
        (("--classes", "class1,class0"), "another model"),
        (("--p", "0.2"), "another rule"),
    ):
        with pytest.raises(ValueError, match=f"a finished audit of {says}; it is not overwritten"):
            call(*arguments(home, service.url, out), *more)
    assert (out.read_bytes(), service.answered) == (content, paid)


def test_false_discovery_rate_over_pictures(home, tmp_path, service):
    more = ("--fdr", "0.2", "--level", "0.05")
    assert call(*arguments(home, service.url, tmp_path / "a.json", *more)).exit_code == 0
    ledger = FolderLedger.load(home / "ledger")
    made = certify.certificate(ledger, Record.load(tmp_path / "a.json"))
    assert {entry.id for entry in ledger.entries[:5]} <= {opened.id for opened in made.opened}
    assert verify(to_json(made)).ok
