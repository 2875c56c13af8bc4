"""The HTTP oracle against a real server on loopback, well-behaved and not."""

from __future__ import annotations

import base64
import email.utils
import gzip
import io
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import random_set

from taggant.score.oracle import Oracle, QueryError
from taggant.score.remote import EmbeddingEndpoint, Endpoint

CLASSES = 3


class Model(torch.nn.Module):
    def forward(self, images):
        flat = images.flatten(1).double() / 255
        weight = torch.linspace(-1, 1, flat.shape[1] * CLASSES, dtype=torch.float64)
        return flat @ weight.view(-1, CLASSES)


class Server(ThreadingHTTPServer):
    """Serves a model; `faults` are what goes wrong with the next requests, in order."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model = model
        self.faults: list[str | Callable[[Handler], None]] = []
        self.answered: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/classify"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if callable(fault):
            fault(self)
            return
        if fault == "drop":
            self.connection.close()
            return
        if fault == "slow":
            time.sleep(0.6)
        if fault.isdigit():
            self.send_error(int(fault))
            return
        images = [decode(text) for text in body["images"]]
        with torch.no_grad():
            logits = self.server.model(torch.stack(images))
        answer = {"confidences": logits.softmax(1).tolist()}
        if fault == "label":
            answer = {"labels": logits.argmax(1).tolist()}
        if fault == "embed":
            answer = {"embeddings": logits.tolist()}
        if fault == "short":
            answer["confidences"].pop()
        if fault == "odd":
            answer = {"message": "hello"}
        self.server.answered += [image.numpy().tobytes() for image in images]
        content = json.dumps(answer).encode()
        self.send_response(200)
        if fault == "page":
            content = b"<html>busy</html>"
        missing = 9 if fault == "cut" else 0
        self.send_header("Content-Length", str(len(content) + missing))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def decode(text: str) -> torch.Tensor:
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)


@contextmanager
def serving(model: torch.nn.Module) -> Iterator[Server]:
    served = Server(model)
    threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield served
    finally:
        served.shutdown()
        served.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Model()) as served:
        yield served


def endpoint(server: Server, **options) -> Endpoint:
    return Endpoint(server.url, classes=CLASSES, **{"batch_size": 4, "pause": 0.01, **options})


def test_answers_are_the_models_and_each_image_is_asked_once(server):
    images = random_set(10).images
    remote = endpoint(server)
    expected = Oracle(Model(), lambda logits: logits.float().log_softmax(1), 4).query(images)
    assert torch.allclose(remote.query(images), expected, atol=1e-4)
    assert server.answered == [image.numpy().tobytes() for image in images]
    assert remote.queries == remote.attempts == 10


@pytest.mark.parametrize(
    "faults", [["500", "503"], ["drop"], ["429", "drop", "500"], ["cut", "page"]]
)
def test_failures_are_tried_again_and_nothing_is_lost(server, faults):
    images = random_set(10).images
    server.faults = list(faults)
    remote = endpoint(server)
    answers = remote.query(images)
    assert torch.allclose(answers, endpoint(server).query(images))
    assert remote.queries == 10
    assert remote.attempts == 10 + 4 * len(faults)


def test_a_slow_answer_is_asked_for_again(server):
    server.faults = ["slow"]
    remote = endpoint(server, timeout=0.2)
    assert remote.query(random_set(2).images).shape == (2, CLASSES)
    assert (remote.queries, remote.attempts) == (2, 4)


def test_a_server_that_stays_away_is_named_with_what_was_answered(server):
    remote = endpoint(server, retries=2)
    remote.query(random_set(3).images)
    server.faults = ["500"] * 3
    with pytest.raises(QueryError, match=r"status 500.* 3 of 3 tries; 3 queries were answered"):
        remote.query(random_set(1).images)


def test_a_refusal_is_not_repeated(server):
    server.faults = ["403", "403"]
    with pytest.raises(QueryError, match=r"status 403.* 1 of 6"):
        endpoint(server).query(random_set(1).images)
    assert server.faults == ["403"]


@pytest.mark.parametrize(
    ("fault", "message"), [("short", r"shape \[3, 3\]; accepted .* each of 4"), ("odd", "neither")]
)
def test_answers_of_another_form_are_refused(server, fault, message):
    server.faults = [fault]
    with pytest.raises(QueryError, match=message):
        endpoint(server).query(random_set(4).images)


def test_labels_only(server):
    images = random_set(4).images
    server.faults = ["label"]
    assert torch.equal(endpoint(server).query(images).argmax(1), Model()(images).argmax(1))


def test_embeddings_are_read_as_directions(server):
    images = random_set(6).images
    server.faults = ["embed", "embed"]
    remote = EmbeddingEndpoint(server.url, batch_size=4, pause=0.01)
    expected = torch.nn.functional.normalize(Model()(images).float(), dim=1)
    assert torch.allclose(remote.query(images), expected, atol=1e-6)
    assert remote.queries == 6
    with pytest.raises(QueryError, match="no 'embeddings'"):
        remote.query(images)


def test_rate_limit_spaces_requests(server):
    waited: list[float] = []
    remote = endpoint(server, rate=0.01, sleep=waited.append)
    remote.query(random_set(12).images)
    # Three requests of 4 images: the second is due after 400 s, the third after 800 s.
    assert sum(waited) > 1100


@pytest.mark.parametrize(
    ("key", "value"),
    [("batch_size", 0), ("rate", 0), ("rate", math.nan), ("retries", -1), ("timeout", 0.0)],
)
def test_bad_parameters_are_named(server, key, value):
    with pytest.raises(ValueError, match=f"{key} = {value}: accepted are"):
        endpoint(server, **{key: value})


# --- what a server may do instead of answering ---------------------------------------------------

ONE = random_set(1).images
FINE = b'{"confidences": [[0.2, 0.3, 0.5]]}'


def replying(status: int, content: bytes = FINE, **headers: str) -> Callable[[Handler], None]:
    def reply(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def trickling(head: bytes, drop: bytes) -> Callable[[Handler], None]:
    """A server that says something now and then, and is never done."""

    def reply(handler: Handler) -> None:
        with suppress(OSError):
            handler.wfile.write(head)
            for _ in range(30):
                handler.wfile.write(drop)
                time.sleep(0.05)

    return reply


def refused(server: Server, *faults: str | Callable[[Handler], None], **options) -> str:
    server.faults = list(faults)
    with pytest.raises(QueryError) as caught:
        endpoint(server, **{"retries": 0, **options}).query(ONE)
    return str(caught.value)


@pytest.mark.parametrize("status", [200, 201, 202, 206, 299])
def test_every_2xx_is_an_answer(server, status):
    server.faults = [replying(status)]
    assert endpoint(server).query(ONE)[0].exp().tolist() == pytest.approx([0.2, 0.3, 0.5])


def test_an_answer_without_content_is_named(server):
    assert "status 204, no JSON: (nothing)" in refused(server, replying(204, b""))


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"",
    ],
    ids=["headers", "chunks", "content", "status"],
)
def test_the_time_limit_bounds_the_whole_answer(server, head):
    drop = b"1\r\n \r\n" if b"chunked" in head else b" "
    began = time.monotonic()
    said = refused(server, trickling(head, drop), timeout=0.2)
    assert time.monotonic() - began < 0.5
    assert "no whole answer within 0.2 s" in said


def test_after_a_slow_answer_the_next_one_is_read(server):
    server.faults = [trickling(b"HTTP/1.1 200 OK\r\nX: ", b" "), replying(200)]
    remote = endpoint(server, timeout=0.2)
    assert remote.query(ONE).exp()[0].tolist() == pytest.approx([0.2, 0.3, 0.5])
    assert (remote.queries, remote.attempts) == (1, 2)


def test_connections_that_are_held_open_do_not_pile_up(server, monkeypatch):
    monkeypatch.setattr("taggant.score.http.HANGING", 2)
    slow = trickling(b"HTTP/1.1 200 OK\r\nX: ", b" ")
    said = refused(server, slow, slow, slow, retries=9, timeout=0.1)
    assert "2 requests given up before still hang) after 3 of 10 tries" in said


@pytest.mark.parametrize("packed", [False, True])
def test_a_size_limit_bounds_the_bytes_of_an_answer(server, packed):
    content, headers = b" " * 5000, {}
    if packed:
        content, headers = gzip.compress(content), {"Content_Encoding": "gzip"}
    said = refused(server, replying(200, content, **headers), largest=4000, retries=5)
    assert "longer than 4,000 bytes; ask about fewer pictures at once) after 1 of 6" in said


def test_packed_answers_are_read_but_not_those_packed_unboundedly(server):
    server.faults = [replying(200, gzip.compress(FINE), Content_Encoding="gzip")]
    assert endpoint(server).query(ONE).shape == (1, CLASSES)
    for name in ("br", "zstd", "gzip, gzip"):
        said = refused(server, replying(200, FINE, Content_Encoding=name), retries=5)
        assert f"packed as '{name}'; accepted are gzip" in said
        assert "after 1 of 6 tries" in said
    assert "decompress" in refused(server, replying(200, b"no", Content_Encoding="gzip"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://else.org/v2/ask?key=abcdefgh", "/elsewhere"])
def test_redirects_are_named_and_nobody_else_is_asked(server, status, location):
    said = refused(server, replying(status, b"", Location=location), retries=5)
    assert f"status {status} redirects to" in said
    assert "not followed: ask that address) after 1 of 6 tries" in said
    assert location.partition("?")[0] in said
    assert "abcdefgh" not in said
    assert not server.answered


def test_redirects_without_a_place_are_errors(server):
    assert "status 304: (nothing)" in refused(server, replying(304, b""), retries=5)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_retry_after_is_obeyed(server, status):
    waited: list[float] = []
    server.faults = [replying(status, b"busy", Retry_After="7"), "503"]
    endpoint(server, sleep=waited.append).query(ONE)
    assert waited[0] == 7
    assert waited[1] <= 0.02  # nothing is asked for: the pause of the second try


def test_retry_after_may_be_a_date(server):
    waited: list[float] = []
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    past = email.utils.formatdate(time.time() - 20, usegmt=True)
    server.faults = [replying(429, b"", Retry_After=date), replying(429, b"", Retry_After=past)]
    endpoint(server, sleep=waited.append).query(ONE)
    assert 17 < waited[0] < 21
    assert waited[1] <= 0.02


@pytest.mark.parametrize("asked", ["soon", "-5", "1.5", "inf", "9" * 5000, ""])
def test_a_retry_after_that_says_nothing_is_ignored(server, asked):
    waited: list[float] = []
    server.faults = [replying(503, b"", Retry_After=asked)]
    endpoint(server, sleep=waited.append).query(ONE)
    assert waited[0] <= 0.01


def test_a_server_that_asks_for_a_long_pause_ends_the_audit(server):
    waited: list[float] = []
    busy = replying(429, b"quota", Retry_After="7200")
    said = refused(server, busy, retries=5, sleep=waited.append)
    assert (
        "status 429: quota; it asks to wait at least 7,200 s (Retry-After): come back then" in said
    )
    assert waited == []


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"\n  quota exceeded\nsecond line", "status 402: quota exceeded)"),
        (
            b'{\n "error": {"message": "no such model"}\n}',
            '{"error": {"message": "no such model"}}',
        ),
        (
            b"<html><style>p {}</style><title>Sorry</title><p>not &amp; here</html>",
            "status 402: Sorry not & here)",
        ),
        (b"\x1b[2Jred\x07\xe2\x80\xae\xff", "status 402: [2Jred \ufffd)"),
        (b"", "status 402: (nothing))"),
        (b"[" * 60000, "status 402: [[[["),
    ],
)
def test_an_error_is_shown_in_one_short_line(server, content, shown):
    said = refused(server, replying(402, content))
    assert shown in said
    assert said.isprintable()
    assert len(said) < 500


def test_a_page_instead_of_json_is_shown(server):
    assert "no JSON: log in first" in refused(server, replying(200, b"<p>log in first"))
    assert "no JSON: [[[" in refused(server, replying(200, b"[" * 100_000))


@pytest.mark.parametrize("status", [400, 404, 405, 415, 422])
def test_servers_of_other_protocols_are_told_of_adapters(server, status):
    said = refused(server, replying(status, b'{"error": "Missing instances key"}'))
    assert "Missing instances key" in said
    assert "adapters for other protocols: examples/adapters" in said


def test_no_error_shows_a_key(server):
    key = "s3cr3t-k3y"
    echo = replying(401, f"bad key {key}, {'x' * 150} Bearer {key}".encode())
    said = refused(server, echo, headers={"Authorization": f"Bearer {key}"})
    assert "bad key redacted" in said
    assert key[:6] not in said
    for spaces in (4096 - 6, 4096 - 3):  # where what is looked at ends
        late = replying(401, b"{" + b" " * (spaces - 1) + key.encode())
        assert key[:3] not in refused(server, late, headers={"X-Key": key})
    for value in (f"{key}\n", f"{key}\u2019"):
        said = refused(server, headers={"X-Key": value}, retries=5)
        assert "a header's value cannot be sent (" in said
        assert "X-Key" in said
        assert key not in said


def test_what_kept_an_answer_away_is_said(server):
    remote = Endpoint("http://127.0.0.1:9/", classes=3, retries=0)
    with pytest.raises(QueryError, match=r"ConnectionRefusedError: .*refused.* 1 of 1 tries"):
        remote.query(ONE)
    with pytest.raises(QueryError, match=r"1 of 6 tries"):
        Endpoint("http://", classes=3).query(ONE)


def test_a_model_that_changes_the_form_of_its_answers_is_refused(server):
    remote = endpoint(server)
    server.faults = [replying(200), replying(200, b'{"labels": [1]}')]
    remote.query(ONE)
    with pytest.raises(QueryError, match="answered with 'confidences' before, now with 'labels'"):
        remote.query(ONE)
    encoder = EmbeddingEndpoint(server.url)
    server.faults = [replying(200, b'{"embeddings": [[1, %d]]}' % 2)]
    server.faults += [replying(200, b'{"embeddings": [[1, 2, 3]]}')]
    encoder.query(ONE)
    with pytest.raises(QueryError, match=r"embeddings of 2 numbers before, now with .* 3 numbers"):
        encoder.query(ONE)
