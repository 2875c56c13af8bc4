"""An oracle behind an HTTP endpoint: a model that only answers queries."""

from __future__ import annotations

import base64
import io
import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
import torch
from PIL import Image
from torch import Tensor

from taggant.answers import HIDDEN
from taggant.score.oracle import QueryError
from taggant.urls import redact, secrets_of

SMALLEST = 1e-12
RETRIED = frozenset({429, 500, 502, 503, 504})
UNANSWERED = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.JSONDecodeError,
)
"""No answer came, or one that breaks off or is no JSON: a proxy's page, say."""


class _Redacting(logging.Filter):
    """Shows no keys of addresses in the log of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacting())


@dataclass
class Remote(ABC):
    """Asks a model over HTTP.

    Contract: ``POST url`` with ``{"images": [PNG as base64, ...]}``; a subclass says what the
    answer holds, one entry per image, in order.

    A query counts once, when it is answered; `attempts` counts what was sent, failures included,
    for that is what a provider may bill.

    Parameters
    ----------
    url : str
        The endpoint.
    batch_size : int
        Images per request.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        Further tries of a request that failed (dropped connection, time-out, broken-off answer,
        status 429 or 5xx),
        after 1, 2, 4, ... times `pause` seconds, jittered.
    pause : float
        See `retries`.
    rate : float, optional
        Most images per second.
    headers : mapping, optional
        For keys and the like.

    Raises
    ------
    QueryError
        If an answer does not come, or is not of the contract's form.
    """

    url: str = field(repr=False)
    batch_size: int = 32
    timeout: float = 30.0
    retries: int = 5
    pause: float = 1.0
    rate: float | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    sleep: Callable[[float], None] = time.sleep
    queries: int = 0
    attempts: int = 0
    device: torch.device = field(default=torch.device("cpu"), init=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size = {self.batch_size}: accepted are 1, 2, 3, ...")
        if self.rate is not None and self.rate <= 0:
            raise ValueError(f"rate = {self.rate}: accepted are positive numbers, or null")
        self._session = requests.Session()
        self._next = 0.0

    def query(self, images: Tensor) -> Tensor:
        """What is read of the answers, float32 [B, D], to images uint8 [B, C, H, W], any B >= 1."""
        return torch.cat([self._ask(part) for part in images.split(self.batch_size)])

    def _ask(self, images: Tensor) -> Tensor:
        answer = self._post({"images": [_png(image) for image in images]}, len(images))
        self.queries += len(images)
        return self.read(answer, len(images))

    @abstractmethod
    def read(self, answer: Any, count: int) -> Tensor:
        """What an answer to `count` images says, float32 [count, D]."""

    def _post(self, body: dict[str, Any], count: int) -> Any:
        failure = ""
        for attempt in range(self.retries + 1):
            if attempt:
                self.sleep(self.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))
            self._keep_rate(count)
            self.attempts += count
            try:
                reply = self._session.post(
                    self.url, json=body, timeout=self.timeout, headers=self.headers
                )
                if reply.status_code == requests.codes.ok:
                    return reply.json()
            except UNANSWERED as error:
                failure = type(error).__name__
                continue
            except requests.RequestException as error:  # the address itself is wrong, say
                failure = f"{type(error).__name__}: {error}"
                break
            failure = f"status {reply.status_code}"
            if reply.status_code not in RETRIED:
                break
        said = (
            f"{self.url} did not answer ({failure}) after {attempt + 1} of {self.retries + 1} "
            f"tries; {self.queries} queries were answered before"
        )
        raise QueryError(redact(said, {*self.headers.values(), *secrets_of(self.url)}))

    def _keep_rate(self, count: int) -> None:
        if self.rate is None:
            return
        now = time.monotonic()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + count / self.rate


@dataclass
class Endpoint(Remote):
    """Asks a classifier over HTTP: see `Remote`.

    The answer is ``{"confidences": [[float, ...], ...]}`` or, where only labels are given away,
    ``{"labels": [int, ...]}``.

    Parameters
    ----------
    classes : int
        Number of classes.
    **remote
        See `Remote`.
    """

    classes: int = field(kw_only=True)

    def read(self, answer: Any, count: int) -> Tensor:
        """Log-confidences float32 [count, classes]."""
        return _log_confidences(answer, count, self.classes)


@dataclass
class EmbeddingEndpoint(Remote):
    """Asks an encoder over HTTP: see `Remote`.

    The answer is ``{"embeddings": [[float, ...], ...]}``, of any one length; only directions count.
    """

    def read(self, answer: Any, count: int) -> Tensor:
        """Unit vectors float32 [count, D]."""
        if not isinstance(answer, dict) or "embeddings" not in answer:
            raise QueryError("the answer has no 'embeddings'")
        try:
            rows = torch.tensor(answer["embeddings"], dtype=torch.float64).float()
        except (TypeError, ValueError, RuntimeError) as error:
            raise QueryError(f"the answer is not of the contract's form: {error}") from error
        if rows.ndim != 2 or len(rows) != count or not torch.isfinite(rows).all():
            raise QueryError(
                f"the answer has shape {list(rows.shape)}; accepted is [{count}, D], finite"
            )
        return torch.nn.functional.normalize(rows, dim=1)


def _png(image: Tensor) -> str:
    pixels = image.cpu().permute(1, 2, 0).squeeze(-1).numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _log_confidences(answer: Any, count: int, classes: int) -> Tensor:
    if not isinstance(answer, dict) or not {"confidences", "labels"} & set(answer):
        raise QueryError("the answer has neither 'confidences' nor 'labels'")
    rows = _rows(answer, classes)
    if rows.shape != (count, classes) or not torch.isfinite(rows).all():
        raise QueryError(
            f"the answer has shape {list(rows.shape)}; accepted is [{count}, {classes}], finite"
        )
    # A floor for zeros that does not level the small confidences of well-learnt images.
    visible = rows.clamp(min=SMALLEST if "confidences" in answer else HIDDEN)
    return (visible / visible.sum(1, keepdim=True)).log()


def _rows(answer: dict[str, Any], classes: int) -> Tensor:
    try:
        if "confidences" in answer:
            return torch.tensor(answer["confidences"], dtype=torch.float64).float()
        labels: Sequence[int] = answer["labels"]
        return torch.nn.functional.one_hot(torch.tensor(labels), classes).float()
    except (TypeError, ValueError, RuntimeError) as error:
        raise QueryError(f"the answer is not of the contract's form: {error}") from error
