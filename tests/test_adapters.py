"""Each adapter, as a user would copy and edit it, against a server that speaks its protocol."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import ROOT

from taggant.answers import HIDDEN
from taggant.models.model import ModelOptions
from taggant.models.preprocessing import IMAGENET, squares
from taggant.owner.models.open import open_model
from taggant.score import contract
from taggant.score.access import Full, Label, TopK
from taggant.score.oracle import QueryError

ADAPTERS = ROOT / "examples" / "adapters"
NAMES = ["cat", "dog", "horse"]
SIZE = 16
PICTURES = torch.randint(256, (5, 3, 20, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


def logits(pixels: torch.Tensor) -> torch.Tensor:
    """A model of pixels of 0..1, [B, 3, H, W]."""
    return 30 * (pixels.float().mean((2, 3)) - 0.5)


class Server(ThreadingHTTPServer):
    """Hands each request's path and body to `speak`; what that raises is status 400."""

    daemon_threads = True

    def __init__(self, speak: Callable[[str, object], object]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.speak = speak


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(body)

    def do_GET(self):
        self.answer(None)

    def answer(self, body):
        try:
            found, status = self.server.speak(self.path, body), 200
        except (AssertionError, KeyError, TypeError) as error:
            found, status = {"error": repr(error)}, 400
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[str, object], object]], str]]:
    servers: list[Server] = []

    def start(speak):
        servers.append(Server(speak))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def decode(text: str) -> torch.Tensor:
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)))
    assert image.format == "PNG"
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None] / 255


def confidences(text: str) -> list[float]:
    return logits(decode(text)).softmax(1)[0].tolist()


def pipeline(_path, body):
    best = sorted(zip(confidences(body["inputs"]), NAMES, strict=True), reverse=True)
    return [{"label": n, "score": c} for c, n in best][: body["parameters"]["top_k"]]


def tf_serving(path, body):
    assert path == "/v1/models/NAME:predict"
    pixels = torch.tensor(body["instances"])
    assert pixels.shape[1:] == (SIZE, SIZE, 3)
    return {"predictions": logits(pixels.permute(0, 3, 1, 2)).softmax(1).tolist()}


def kserve(path, body):
    assert path == "/v2/models/NAME/infer"
    (given,), (wanted,) = body["inputs"], body["outputs"]
    assert (given["name"], given["datatype"], wanted) == ("input", "FP32", {"name": "output"})
    mean, std = (torch.tensor(three).view(3, 1, 1) for three in IMAGENET)
    found = logits(torch.tensor(given["data"]).view(given["shape"]) * std + mean)
    other = {"name": "features", "shape": [1], "datatype": "FP32", "data": [0.0]}
    output = {"name": "output", "datatype": "FP32", "shape": list(found.shape)}
    return {"model_name": "m", "outputs": [other, {**output, "data": found.flatten().tolist()}]}


class Gradio:
    """PictureScores of gradio 6.31, as it gave them to the same requests."""

    def __init__(self) -> None:
        self.events: dict[str, str] = {}

    def __call__(self, path, body):
        if body is None:
            best = zip(NAMES, confidences(self.events.pop(path.rpartition("/")[2])), strict=True)
            shown = [
                {"label": n, "confidence": c} for n, c in sorted(best, key=lambda one: -one[1])
            ]
            data = [{"label": shown[0]["label"], "confidences": shown}]
            message = (
                "event: heartbeat\ndata: null",
                f"event: complete\ndata: {json.dumps(data)}",
                "",
            )
            return "\n\n".join(message).encode()
        assert path == "/gradio_api/call/predict"
        (picture,) = body["data"]
        assert picture["meta"] == {"_type": "gradio.FileData"}
        event = f"e{len(self.events)}"
        self.events[event] = picture["url"].removeprefix("data:image/png;base64,")
        return {"event_id": event}


def two_best(_path, body):
    rows = [dict(zip(NAMES, confidences(text), strict=True)) for text in body["images"]]
    return [dict(sorted(row.items(), key=lambda one: -one[1])[:2]) for row in rows]


SPOKEN = {
    "transformers_pipeline": pipeline,
    "tf_serving": tf_serving,
    "kserve_v2": kserve,
    "gradio_app": Gradio(),
    "top5": two_best,
}
RESIZED = ("tf_serving", "kserve_v2")


def edited(folder, name, url):
    """A copy of an adapter with the address, side and classes of one's own."""
    text = (ADAPTERS / f"{name}.py").read_text()
    text = re.sub(r'"http://localhost:\d+/?', f'"{url}/', text)
    text = text.replace("classes=1000", "classes=3").replace("224", str(SIZE))
    (folder / f"{name}_of_mine.py").write_text(text)
    return f"{name}_of_mine:model"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in SPOKEN:  # a module of an earlier test's folder is another one
        monkeypatch.delitem(sys.modules, f"{name}_of_mine", raising=False)
    return tmp_path


def test_every_adapter_is_tried_and_short():
    files = {path.stem: path for path in ADAPTERS.glob("*.py")}
    assert set(files) == set(SPOKEN)
    for path in files.values():
        code = [line for line in path.read_text().splitlines() if line and line[0] not in '#"']
        assert len(code) <= 20, path


def test_the_errors_name_every_adapter():
    answers = [{"predictions": 0}, {"outputs": 0}, {"event_id": 0}, [{"label": "a", "score": 1}]]
    named = {contract.hint(answer).split()[0] for answer in [*answers, [{"cat": 1.0}]]}
    assert {ROOT / name for name in named} == set(ADAPTERS.glob("*.py"))


@pytest.mark.parametrize("name", SPOKEN)
def test_an_adapter_reads_what_the_model_says(folder, serve, name):
    model = open_model(edited(folder, name, serve(SPOKEN[name])), ModelOptions(classes=3))
    oracle = model.oracle(Full())
    shown = squares(PICTURES, SIZE) if name in RESIZED else PICTURES
    access = TopK(2) if name == "top5" else Full()
    assert torch.allclose(oracle.query(PICTURES), access(logits(shown / 255)), atol=1e-4)
    assert oracle.queries == oracle.attempts == len(PICTURES)
    assert (model.answers, model.against, len(model.fingerprint)) == ("logits", "labels", 64)
    assert model.oracle(Full()).queries == 0


def test_fewer_classes_than_there_are_may_be_shown(folder, serve):
    def shy(path, body):
        return pipeline(path, body)[:1]

    oracle = open_model(edited(folder, "transformers_pipeline", serve(shy)), ModelOptions()).oracle(
        Full()
    )
    expected = TopK(1)(logits(PICTURES / 255))
    assert torch.allclose(oracle.query(PICTURES), expected, atol=1e-4)
    assert oracle.query(PICTURES).exp().min() >= HIDDEN / 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("transformers_pipeline", {"error": "Model is loading"}),
        ("tf_serving", {"outputs": [[1.0, 0.0, 0.0]]}),
        ("kserve_v2", {"outputs": []}),
        ("gradio_app", b'event: error\ndata: {"error": null}\n\n'),
        ("top5", {"confidences": []}),
    ],
)
def test_what_an_adapter_cannot_read_is_shown(folder, serve, name, said):
    def odd(_path, body):
        return {"event_id": "e"} if body is not None and name == "gradio_app" else said

    oracle = open_model(edited(folder, name, serve(odd)), ModelOptions()).oracle(Full())
    with pytest.raises(QueryError, match=r"cannot read the answer .*(error|outputs)|holds a text"):
        oracle.query(PICTURES[:1])


def test_names_that_are_no_class_are_told(folder, serve):
    def other(_path, _body):
        return [{"label": "LABEL_0", "score": 1.0}]

    oracle = open_model(
        edited(folder, "transformers_pipeline", serve(other)), ModelOptions()
    ).oracle(Full())
    with pytest.raises(QueryError, match="'LABEL_0', which is none of the 3 classes"):
        oracle.query(PICTURES[:1])


def test_the_command_line_says_how_an_adapter_asks(folder, serve):
    options = ModelOptions(timeout=7.0, retries=1, rate=5.0, headers={"X-Key": "k"}, batch_size=99)
    spec = edited(folder, "tf_serving", serve(tf_serving))
    model = open_model(spec, options)
    oracle = model.oracle(Full())
    assert (oracle.timeout, oracle.retries, oracle.rate) == (7.0, 1, 5.0)
    assert (dict(oracle.headers), oracle.batch_size) == ({"X-Key": "k"}, 8)
    assert model.address.endswith("NAME:predict")
    with pytest.raises(ValueError, match=r"^access"):
        model.oracle(Label())
    with pytest.raises(ValueError, match=r"^victim encoder: tf_serving_of_mine:model is a"):
        open_model(spec, ModelOptions(victim="encoder"))
