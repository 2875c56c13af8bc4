"""An oracle behind an HTTP endpoint: a model that only answers queries."""

from __future__ import annotations

import base64
import io
import math
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin

import torch
from PIL import Image
from torch import Tensor

from taggant.score.contract import ADAPTERS, REQUEST, classified, embedded
from taggant.score.http import LARGEST, Client, NoAnswerError, Reply, cut
from taggant.score.oracle import QueryError
from taggant.urls import redact, secrets_of

REFUSING = frozenset({400, 404, 405, 406, 415, 422})
"""How servers answer a request that they do not understand."""
PASSING = frozenset({408, 425, 429})


@dataclass
class Remote(ABC):
    """Asks a model over HTTP.

    Contract: ``POST url`` with ``{"images": [PNG as base64, ...]}``; a subclass says what the
    answer holds, one entry per image, in order. For another protocol, override `body`, `read` or
    `ask` (``examples/adapters``).

    A query counts once, when it is answered; `attempts` counts what was sent, failures included,
    for that is what a provider may bill. Redirects are not followed: the record names the address
    that answered.

    Parameters
    ----------
    url : str
        The endpoint.
    batch_size : int
        Images per request.
    timeout : float
        Seconds for the whole answer, from the first byte sent to the last received.
    retries : int
        Further tries of a request that failed (dropped connection, time-out, broken-off answer,
        status 408, 425, 429 or 5xx),
        after 1, 2, 4, ... times `pause` seconds, jittered, and not before the server allows it
        (``Retry-After``).
    pause : float
        See `retries`.
    patience : float
        Most seconds of ``Retry-After`` that are waited for; a server that asks for more ends the
        audit, which goes on when it is started again.
    rate : float, optional
        Most images per second.
    headers : mapping, optional
        For keys and the like.
    largest : int
        Most bytes of an answer.

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
    patience: float = 600.0
    rate: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    largest: int = LARGEST
    sleep: Callable[[float], None] = time.sleep
    queries: int = 0
    attempts: int = 0
    device: torch.device = field(default=torch.device("cpu"), init=False)
    pads: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size = {self.batch_size}: accepted are 1, 2, 3, ...")
        if self.retries < 0:
            raise ValueError(f"retries = {self.retries}: accepted are 0, 1, 2, ...")
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"timeout = {self.timeout}: accepted are positive numbers")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ValueError(f"rate = {self.rate}: accepted are positive numbers, or null")
        self._client = Client(self.timeout, self.headers, self.largest)
        self._form: object = None
        self._next = 0.0

    def query(self, images: Tensor) -> Tensor:
        """What is read of the answers, float32 [B, D], to images uint8 [B, C, H, W], any B >= 1."""
        return torch.cat([self._answers(part) for part in images.split(self.batch_size)])

    def _answers(self, images: Tensor) -> Tensor:
        answer = self.ask(images)
        self.queries += len(images)
        try:
            return self.read(answer, len(images))
        except QueryError:
            raise
        except Exception as error:  # an adapter is anybody's code, an answer anybody's data
            raise QueryError(
                f"{type(self).__name__} cannot read the answer {cut(self._redacted(str(answer)))} "
                f"({type(error).__name__}: {error})"
            ) from error

    def ask(self, images: Tensor) -> object:
        """The answer to images uint8 [B, C, H, W], B <= `batch_size`."""
        return self.send("POST", self.url, self.body(images), len(images), Reply.json)

    def body(self, images: Tensor) -> object:
        """The JSON that asks about images uint8 [B, C, H, W]."""
        return {"images": [png(image) for image in images]}

    @abstractmethod
    def read(self, answer: object, count: int) -> Tensor:
        """What an answer to `count` images says, float32 [count, D]."""

    def check_form(self, form: object) -> None:
        """Refuse an answer of another form than the first: other versions, another function.

        Raises
        ------
        QueryError
        """
        if self._form not in (None, form):
            raise QueryError(
                f"the model answered with {self._form} before, now with {form}: not every version "
                "meets the same function"
            )
        self._form = form

    def send(
        self, method: str, url: str, body: object, count: int, parse: Callable[[Reply], object]
    ) -> object:
        """What `parse` reads of a request's answer; tried again where that may help.

        Parameters
        ----------
        method, url : str
        body : JSON
        count : int
            Images in it.
        parse : callable
            Reply -> anything; ValueError for a broken-off one.
        """
        wait = 0.0
        for attempt in range(self.retries + 1):
            if attempt:
                self.sleep(max(wait, self.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)))
            self._keep_rate(count)
            self.attempts += count
            try:
                return self._once(method, url, body, parse)
            except NoAnswerError as error:
                failure, wait = str(error), error.pause
                if wait > self.patience:
                    failure += (
                        f"; it asks to wait at least {wait:,.0f} s (Retry-After): come back then"
                    )
                if wait > self.patience or not error.again:
                    break
        raise QueryError(
            self._redacted(
                f"{url} did not answer ({failure}) after {attempt + 1} of {self.retries + 1} "
                f"tries; {self.queries} queries were answered before"
            )
        )

    def _once(
        self, method: str, url: str, body: object, parse: Callable[[Reply], object]
    ) -> object:
        reply = self._client.send(method, url, body)
        if not reply.ok:
            raise NoAnswerError(self._refusal(reply, url), _may_pass(reply), reply.pause)
        try:
            return parse(reply)
        except ValueError as error:
            said = f"status {reply.status}, no JSON: {self._said(reply)}"
            raise NoAnswerError(said, again=True) from error

    def _refusal(self, reply: Reply, url: str) -> str:
        location = reply.headers.get("Location")
        if 300 <= reply.status < 400 and location:
            return (
                f"status {reply.status} redirects to {urljoin(url, location)}, which is not "
                "followed: ask that address"
            )
        failure = f"status {reply.status}: {self._said(reply)}"
        if reply.status in REFUSING:
            failure += f"; it was sent {REQUEST}, adapters for other protocols: {ADAPTERS}"
        return failure

    def _said(self, reply: Reply) -> str:
        return cut(self._redacted(reply.said)) or "(nothing)"

    def _redacted(self, text: str) -> str:
        values = [part for value in self.headers.values() for part in re.split(r"[\s,;=]+", value)]
        return redact(text, {*self.headers.values(), *values, *secrets_of(self.url)})

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

    The answer is ``{"confidences": [[float, ...], ...]}``, each summing to 1 but for rounding,
    ``{"logits": [[float, ...], ...]}`` of any numbers before a softmax, or, where only labels are
    given away, ``{"labels": [int, ...]}``.

    Parameters
    ----------
    classes : int
        Number of classes.
    **remote
        See `Remote`.
    """

    classes: int = field(kw_only=True)

    def read(self, answer: object, count: int) -> Tensor:
        """Log-confidences float32 [count, classes]."""
        key, rows = classified(answer, count, self.classes)
        self.check_form(f"'{key}'")
        return rows


@dataclass
class EmbeddingEndpoint(Remote):
    """Asks an encoder over HTTP: see `Remote`.

    The answer is ``{"embeddings": [[float, ...], ...]}``, of any one length; only directions count.
    """

    def read(self, answer: object, count: int) -> Tensor:
        """Unit vectors float32 [count, D]."""
        rows = embedded(answer, count)
        self.check_form(f"embeddings of {rows.shape[1]} numbers")
        return rows


def _may_pass(reply: Reply) -> bool:
    """Whether an error may be gone at another try."""
    if reply.status < 400:
        return False
    return (
        reply.status in PASSING or (reply.status >= 500 and reply.status != 501) or reply.pause > 0
    )


def png(image: Tensor) -> str:
    """An image uint8 [C, H, W] as PNG in base64."""
    pixels = image.cpu().permute(1, 2, 0).squeeze(-1).numpy()
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode("ascii")
