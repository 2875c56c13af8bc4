"""A trained victim behind the HTTP contract of `taggant.score.remote`, to try audits on.

``POST /`` with ``{"images": [PNG as base64, ...]}`` of any sizes and modes; the answer is
``{"confidences": [[float, ...], ...]}``, ``{"labels": [int, ...]}`` where only those are given, or
``{"embeddings": [[float, ...], ...]}`` of an encoder.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch
from PIL import Image
from torch import Tensor, nn

from taggant.data.decode import square

LARGEST_REQUEST = 256 << 20


class Service(ThreadingHTTPServer):
    """Serves a classifier or an encoder.

    Parameters
    ----------
    model : callable
        Squares uint8 [B, 3, size, size] -> logits [B, classes], or features [B, D] if its
        ``answers`` are "embedding"; in eval mode.
    size : int
    port : int
        0: any free one.
    labels_only : bool
        Give away labels, no confidences.
    """

    daemon_threads = True

    def __init__(
        self, model: nn.Module, size: int, port: int = 0, labels_only: bool = False
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.model = model.eval()
        self.size = size
        self.labels_only = labels_only
        self.answered = 0
        self.alone = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def answer(self, texts: Sequence[str]) -> dict[str, object]:
        """Answer to a request's images; ValueError for what are none."""
        images = torch.stack([_decode(text, self.size) for text in texts])
        with self.alone, torch.inference_mode():
            found: Tensor = torch.cat([self.model(image[None]) for image in images]).float()
            self.answered += len(images)
        if getattr(self.model, "answers", "logits") == "embedding":
            return {"embeddings": found.tolist()}
        if self.labels_only:
            return {"labels": found.argmax(1).tolist()}
        return {"confidences": found.softmax(1).tolist()}


def _decode(text: str, size: int) -> Tensor:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
            return square(image, size)
    except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
        raise ValueError(f"not a PNG in base64: {error}") from error


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST_REQUEST:
            self.send_error(413)
            return
        try:
            body = json.loads(self.rfile.read(length))
            content = json.dumps(self.server.answer(body["images"])).encode()
            status = 200
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            content = json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()
            status = 400
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""
