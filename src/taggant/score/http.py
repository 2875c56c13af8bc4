"""One HTTP request and its whole answer, bounded in time and bytes."""

from __future__ import annotations

import html
import json
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests
import urllib3

from taggant.urls import redact

LARGEST = 32 << 20
"""Bytes of an answer: 32 pictures of 21,000 classes take 15 MB."""
SHOWN = 200
"""Letters of an error page that a message shows."""
EXAMINED = 1 << 12
"""Bytes of it that are read for that."""
CHUNK = 1 << 16
ENCODINGS = ("", "identity", "gzip", "deflate")
"""How an answer may be packed: these grow a thousandfold at most, a chunk at a time."""
BREAKS = frozenset("\r\n\0")
"""What no header may hold; some versions of the libraries below show the value that does."""
HANGING = 8
"""Requests that were given up while their server keeps the connection open."""
UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.SSLError,
)


class _Redacting(logging.Filter):
    """Shows no keys of addresses in the log of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_Redacting())


class NoAnswerError(Exception):
    """No whole answer came.

    Attributes
    ----------
    again : bool
        Whether another try may help.
    pause : float
        Seconds that the server wants to be left alone before.
    """

    def __init__(self, said: str, again: bool, pause: float = 0.0) -> None:
        super().__init__(said)
        self.again = again
        self.pause = pause


@dataclass(frozen=True)
class Reply:
    """An answer: its status, headers (found in any case) and content."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was answered: any status of 200 to 299."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """What the content says; ValueError if it is no JSON."""
        try:
            return json.loads(self.content)
        except RecursionError as error:
            raise ValueError("nested too deep") from error

    @property
    def pause(self) -> float:
        """Seconds that the server asks to wait (``Retry-After``: seconds, or a date), or 0."""
        asked = self.headers.get("Retry-After", "")
        try:
            return max(0.0, float(urllib3.Retry().parse_retry_after(asked)))
        except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
            return 0.0

    @property
    def said(self) -> str:
        """The content in one line that a terminal can show: JSON and pages whole, else line 1."""
        text = self.content[:EXAMINED].decode("utf-8", "replace").strip()
        if text.startswith("<"):
            text = html.unescape(re.sub(r"(?s)<(script|style).*?</\1\s*>|<[^>]*>", " ", text))
        elif text.startswith(("{", "[")):
            text = _compact(text)
        else:
            text = text.partition("\n")[0]
        words = "".join(c if c.isprintable() else " " for c in text).split()
        if len(self.content) > EXAMINED:  # the last word may be half a key, which none would find
            words = words[:-1] or words
        return " ".join(words)


def _compact(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def cut(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


class Client:
    """Sends requests, one after another.

    Parameters
    ----------
    timeout : float
        Seconds from the first byte sent to the last one received.
    headers : mapping
    largest : int
        Bytes of an answer.
    """

    def __init__(self, timeout: float, headers: Mapping[str, str], largest: int = LARGEST) -> None:
        self.timeout = timeout
        self.headers = {"Accept-Encoding": "gzip, identity", **headers}
        self.largest = largest
        self._session = requests.Session()
        self._hanging: list[threading.Thread] = []

    def send(self, method: str, url: str, body: object = None) -> Reply:
        """The answer to one request, whose body is sent as JSON, or as it is if it is bytes;
        redirects are answers too.

        The limits of `requests` hold for each wait on the socket, so a server that sends a byte
        now and then would never reach them. Hence a thread, which is left behind in time.

        Raises
        ------
        NoAnswerError
            If none came whole, in time, and small enough.
        """
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= HANGING:
            raise NoAnswerError(f"{HANGING} requests given up before still hang", again=False)
        box: queue.SimpleQueue[Callable[[], Reply]] = queue.SimpleQueue()
        session, until = self._session, time.monotonic() + self.timeout
        work = threading.Thread(
            target=lambda: box.put(self._outcome(session, until, method, url, body)), daemon=True
        )
        work.start()
        try:
            return box.get(timeout=self.timeout)()
        except queue.Empty:
            self._hanging.append(work)
            self._session = requests.Session()  # the other one is the thread's
            raise self._late() from None

    def _outcome(
        self, session: requests.Session, until: float, method: str, url: str, body: object
    ) -> Callable[[], Reply]:
        """What a request came to, for the thread that waits: its reply, or what to raise."""
        try:
            reply = self._exchange(session, until, method, url, body)
        except BaseException as error:
            failure = error

            def fail() -> Reply:
                raise failure

            return fail
        return lambda: reply

    def _exchange(
        self, session: requests.Session, until: float, method: str, url: str, body: object
    ) -> Reply:
        if any(BREAKS & set(value) for value in self.headers.values()):
            raise self._unsendable()
        try:
            with session.request(
                method,
                url,
                data=body if isinstance(body, bytes) else None,
                json=None if isinstance(body, bytes) else body,
                headers=self.headers,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as reply:
                return Reply(reply.status_code, reply.headers, self._content(reply, until))
        except (requests.exceptions.InvalidHeader, UnicodeError):  # either would show a key
            raise self._unsendable() from None
        except requests.Timeout:
            raise self._late() from None
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise NoAnswerError(_why(error), not isinstance(error, UNSENDABLE)) from error

    def _content(self, reply: requests.Response, until: float) -> bytes:
        packed = reply.headers.get("Content-Encoding", "").strip().lower()
        if packed not in ENCODINGS:
            raise NoAnswerError(
                f"the answer is packed as {cut(packed)!r}; accepted are gzip, deflate and identity",
                again=False,
            )
        content = bytearray()
        for chunk in reply.iter_content(CHUNK):
            content += chunk
            if len(content) > self.largest:
                raise NoAnswerError(
                    f"the answer is longer than {self.largest:,} bytes; ask about fewer pictures "
                    "at once",
                    again=False,
                )
            if time.monotonic() > until:
                raise self._late()
        return bytes(content)

    def _unsendable(self) -> NoAnswerError:
        return NoAnswerError(f"a header's value cannot be sent ({', '.join(self.headers)})", False)

    def _late(self) -> NoAnswerError:
        return NoAnswerError(f"Timeout: no whole answer within {self.timeout:g} s", again=True)


def _why(error: BaseException) -> str:
    """The innermost reason of a failure; the outer ones speak of pools and tries."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return f"{type(error).__name__}: {error}"
