"""The local page: its address is secret, it asks nobody, and its steps are the commands."""

from __future__ import annotations

import http.client
import json
import stat
import sys
import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from tests.owner import photos
from typer.testing import CliRunner

from taggant.owner.app import job, server, steps
from taggant.owner.app.server import App
from taggant.owner.cli import app as commands
from taggant.owner.commands.mark import Versions
from taggant.owner.ledger import FolderLedger

PALE = """
def logits(images):
    import torch
    means = images[:, :3].float().mean((1, 2, 3)) / 255
    return torch.stack([means, 1 - means], 1)
"""


@pytest.fixture
def served():
    """The page's server."""
    with App() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def quick(monkeypatch):
    """Fewer versions of a picture."""
    monkeypatch.setattr(steps, "Versions", partial(Versions, n=300))


class Browser:
    """Asks as the page does."""

    def __init__(self, app: App) -> None:
        self.app = app

    def ask(self, what, values=None, method=None, **headers):
        address = urlsplit(self.app.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        body = None if values is None else json.dumps(values)
        own = {} if body is None else {"Content-Type": "application/json"}
        path = what if what.startswith("/") else address.path + what
        method = method or ("GET" if body is None else "POST")
        connection.request(method, path, body, own | headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply, content

    def json(self, what, values=None):
        reply, content = self.ask(what, values)
        return reply.status, json.loads(content)

    def run(self, step, values, answer=True):
        """Give a step, answer what it asks, and wait for its end."""
        assert self.json(step, values) == (200, {})
        for _ in range(600):
            state = self.json("state")[1]
            if state["question"]:
                self.json("answer", {"yes": answer})
            if not state["running"]:
                return state
            time.sleep(0.02)
        raise AssertionError(state)


@pytest.fixture
def browser(served):
    return Browser(served)


def marking(folder, **more):
    return {"folder": str(folder), "reader": "32", "strip_gps": True, "no_mining": False, **more}


def asking(folder, **more):
    return {
        "folder": str(folder),
        "model": "pale:logits",
        "classes": "class0,class1",
        "fdr": "0.1",
        "platform_copies": "",
        **more,
    }


def test_the_four_steps(browser, quick, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "pale", raising=False)
    (tmp_path / "pale.py").write_text(PALE)
    monkeypatch.chdir(tmp_path)
    photos.folder(tmp_path / "raw", 6)
    state = browser.run("mark", marking("raw"))
    assert not state["failed"], state
    assert any("6 pictures written" in line for line in state["lines"])
    ledger = FolderLedger.load(tmp_path / "raw secret" / "photos.ledger")
    assert len(list((tmp_path / "raw published").rglob("*.*"))) == 6
    found = browser.json("found?folder=raw")[1]
    assert found["commitment"] == ledger.batches[0].commitment
    assert found["sheet"]
    reply, sheet = browser.ask("sheet?folder=raw")
    assert sheet.startswith(b"\x89PNG")

    assert browser.run("audit", asking("raw"), answer=False)["lines"][-1] == "Not started."
    assert not list((tmp_path / "raw secret").glob("audit-*"))
    state = browser.run("audit", asking("raw"))
    assert not state["failed"], state
    assert any("queries answered" in line for line in state["lines"])
    state = browser.run("show", asking("raw"))
    assert not state["failed"], state
    (certificate,) = (tmp_path / "raw certificates").glob("*.json")
    assert CliRunner().invoke(commands, ["verify", str(certificate)]).exit_code == 0
    query = "&".join(f"{key}={quote(value)}" for key, value in asking("raw").items())
    reply, page = browser.ask(f"certificate?{query}")
    assert page == certificate.with_suffix(".html").read_bytes()
    assert "sandbox" in reply.headers["Content-Security-Policy"]


def test_pictures_that_came_later_are_a_batch_of_the_same_ledger(browser, quick, tmp_path):
    raw = photos.folder(tmp_path / "raw", 2)
    assert not browser.run("mark", marking(raw))["failed"]
    photos.write(raw / "class0" / "new.png", photos.scene(77, 40, 40))
    assert not browser.run("mark", marking(raw))["failed"]
    ledger = FolderLedger.load(tmp_path / "raw secret" / "photos.ledger")
    assert [len(batch.files) for batch in ledger.batches] == [2, 1]


@pytest.mark.parametrize(
    ("what", "headers"),
    [
        ("/", {}),
        ("/state", {}),
        ("/wrong/state", {}),
        ("//state", {}),
        ("/%D9%A3/state", {}),
        ("state", {"Host": "taggant.example"}),
        ("state", {"Host": "localhost"}),
        ("state", {"Origin": "http://127.0.0.1:1"}),
        ("state", {"Origin": "null"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_strangers_are_refused(browser, what, headers, method):
    reply, content = browser.ask(what, {} if method == "POST" else None, method, **headers)
    assert reply.status == 403
    assert browser.app.token.encode() not in content


def test_a_form_of_another_page_is_refused(browser, tmp_path):
    plain = {"Content-Type": "text/plain"}
    reply, _ = browser.ask("mark", marking(tmp_path), **plain)
    assert reply.status == 403
    assert browser.app.job.step == ""


def test_only_this_machine_is_served(served):
    assert served.server_address[0] == "127.0.0.1"


def test_the_page_loads_nothing_and_no_other_may_frame_it(browser):
    reply, content = browser.ask("")
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    text = content.decode()
    nonce = policy.split("'nonce-")[1].split("'")[0]
    assert text.count(f'nonce="{nonce}"') == 2
    assert "http://" not in text
    assert "https://" not in text.replace("https://…", "")
    assert browser.ask("")[0].headers["Content-Security-Policy"] != policy


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([], "accepted is an object"),
        ({}, "folder is missing"),
        ({**marking("x"), "folder": 7}, "folder = 7"),
        (marking("x", more=1), "more: there is no such field"),
        (marking("x", strip_gps="yes"), "strip_gps = 'yes'"),
        (marking("a\nb"), "folder"),
    ],
)
def test_what_is_filled_in_wrong_is_told(browser, values, says):
    status, said = browser.json("mark", values)
    assert status == 400
    assert says in said["error"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (marking("/nowhere/at/all"), "error: /nowhere/at/all: no such folder"),
        (marking(".", reader="wed"), "error: --for wed: accepted are"),
    ],
)
def test_a_step_that_cannot_be_says_why(browser, quick, tmp_path, monkeypatch, values, says):
    monkeypatch.chdir(photos.folder(tmp_path / "raw", 1))
    state = browser.run("mark", values)
    assert state["failed"]
    assert any(line.startswith(says) for line in state["lines"]), state


def test_a_date_needs_an_authority(browser, quick, tmp_path):
    raw = photos.folder(tmp_path / "raw", 1)
    state = browser.run("date", marking(raw, authority=" "))
    assert state["failed"]
    assert state["lines"] == ["error: name an authority's address, or post the digits yourself"]
    assert not (tmp_path / "raw published").exists()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_step_that_breaks_has_failed(served):
    served.job.start("mark", lambda: 1 / 0)
    while served.job.running:
        time.sleep(0.01)
    state = served.job.state()
    assert state["failed"]
    assert state["lines"][-1].startswith("It ended unexpectedly")


def test_of_two_steps_at_once_the_second_is_refused(browser, tmp_path):
    end = threading.Event()
    browser.app.job.start("mark", end.wait)
    status, said = browser.json("mark", marking(tmp_path))
    assert (status, said["error"]) == (400, "mark is still running")
    end.set()


def test_an_answer_to_nothing_is_no_answer_to_the_next_question():
    made, heard = job.Job(), []
    made.answer(True)
    made.start("mark", lambda: heard.append(made.ask("Start?")))
    while not made.state()["question"]:
        time.sleep(0.01)
    made.answer(False)
    while made.running:
        time.sleep(0.01)
    assert heard == [False]


def test_no_other_file_is_shown(browser, tmp_path):
    (tmp_path / "raw").mkdir()
    assert browser.ask(f"sheet?folder={tmp_path / 'raw'}")[0].status == 404
    assert browser.ask("certificate")[0].status == 400
    assert browser.ask("../../etc/passwd")[0].status in (403, 404)
    assert browser.ask("mark")[0].status == 404
    assert browser.ask("state", {})[0].status == 404


def test_folders_are_listed_for_who_has_no_terminal(browser, tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "c.png").write_bytes(b"")
    status, said = browser.json(f"folders?in={tmp_path}")
    assert (status, said["folders"], said["above"]) == (200, ["a", "b"], str(tmp_path.parent))
    assert browser.json(f"folders?in={tmp_path / 'none'}")[0] == 400


def test_a_request_is_bounded(browser):
    reply, _ = browser.ask("mark", marking("x" * server.LARGEST_REQUEST))
    assert reply.status == 413


def test_no_command_of_a_browser_shows_the_address(monkeypatch):
    opened = []

    def end(server):
        raise KeyboardInterrupt

    def look(address):
        path = Path(urlsplit(address).path)
        opened.append((address, stat.S_IMODE(path.stat().st_mode), path.read_text()))

    monkeypatch.setattr(App, "serve_forever", end)
    monkeypatch.setattr("webbrowser.open", look)
    shown = CliRunner().invoke(commands, ["app"], catch_exceptions=False)
    ((address, mode, content),) = opened
    url = next(word for word in shown.output.split() if word.startswith("http://127.0.0.1:"))
    assert url in content
    assert urlsplit(url).path.strip("/") not in address
    assert mode == 0o600
    assert not Path(urlsplit(address).path).exists()
    assert CliRunner().invoke(commands, ["app", "--no-browser"]).exit_code == 0
    assert len(opened) == 1
