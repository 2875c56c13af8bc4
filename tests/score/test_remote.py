"""The HTTP oracle against a real server on loopback, well-behaved and not."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
        self.faults: list[str] = []
        self.answered: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/classify"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.faults.pop(0) if self.server.faults else ""
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
    ("fault", "message"), [("short", r"shape \[3, 3\]; accepted is \[4, 3\]"), ("odd", "neither")]
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


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0], [2.0, 3.0]], [[float("inf")], [1.0]], "no"])
def test_embeddings_of_another_form_are_refused(rows):
    with pytest.raises(QueryError, match=r"accepted is|form"):
        EmbeddingEndpoint("http://127.0.0.1/").read({"embeddings": rows}, 2)


def test_rate_limit_spaces_requests(server):
    waited: list[float] = []
    remote = endpoint(server, rate=0.01, sleep=waited.append)
    remote.query(random_set(12).images)
    # Three requests of 4 images: the second is due after 400 s, the third after 800 s.
    assert sum(waited) > 1100


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"rate": 0}])
def test_bad_parameters_are_named(server, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} = 0"):
        endpoint(server, **options)
