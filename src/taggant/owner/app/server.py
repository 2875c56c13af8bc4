"""The page's server: on this machine only, for whoever has the address with its random part."""

from __future__ import annotations

import hmac
import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, StrictUndefined

from taggant.owner import mark as marking
from taggant.owner.app.job import BusyError, Job
from taggant.owner.app.steps import STEPS, Pictures, Showing, found, subfolders
from taggant.owner.grain import READ
from taggant.owner.schema import Schema, SchemaError, parse, printable

LARGEST_REQUEST = 64 << 10
OWN = "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src 'self' data:; "
OWN += "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
CERTIFICATE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


class Answer(Schema):
    """To what a step asked."""

    yes: bool


class App(ThreadingHTTPServer):
    """Serves the page on 127.0.0.1.

    Whoever knows the address may do what the owner may. So it has a random part, which is new each
    time and which other pages cannot know; requests from other pages, and under another name of
    this machine, are refused besides.

    Parameters
    ----------
    port : int
        0: any free one.
    """

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.token = secrets.token_urlsafe(32)
        self.job = Job()
        self.origin = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def url(self) -> str:
        """The page's address. It is as secret as the pictures' ledgers."""
        return f"{self.origin}/{self.token}/"

    def page(self, nonce: str) -> str:
        """The page itself."""
        environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)
        template = files("taggant.owner.app").joinpath("page.html").read_text(encoding="utf-8")
        return environment.from_string(template).render(nonce=nonce, read=READ)


class _Handler(BaseHTTPRequestHandler):
    server: App
    server_version, sys_version = "taggant", ""

    def do_GET(self) -> None:
        what, asked = self._asked()
        if what is None:
            return
        try:
            if what == "":
                nonce = secrets.token_urlsafe(16)
                page = self.server.page(nonce).encode()
                self._reply(page, "text/html; charset=utf-8", policy=OWN.format(nonce))
            elif what == "state":
                self._json(self.server.job.state())
            elif what == "folders":
                self._json(subfolders(asked.get("in", "")))
            elif what == "found":
                self._json(found(_pictures(asked).home))
            elif what == "sheet":
                sheet = marking.contact_sheet_path(_pictures(asked).home.ledger)
                self._file(sheet, "image/png", OWN)
            elif what == "certificate":
                shown = Showing.from_values(**asked).certificate.with_suffix(".html")
                self._file(shown, "text/html; charset=utf-8", CERTIFICATE)
            else:
                self.send_error(HTTPStatus.NOT_FOUND)
        except ValueError as error:
            self._json({"error": printable(str(error))}, HTTPStatus.BAD_REQUEST)

    def do_POST(self) -> None:
        what, _ = self._asked()
        if what is None:
            return
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LARGEST_REQUEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        content = self.rfile.read(length)
        try:
            if what == "answer":
                self.server.job.answer(parse(Answer, content).yes)
            elif what in STEPS:
                self.server.job.start(what, parse(STEPS[what], content).run)
            else:
                self.send_error(HTTPStatus.NOT_FOUND)
                return
        except (SchemaError, BusyError) as error:
            self._json({"error": printable(str(error))}, HTTPStatus.BAD_REQUEST)
            return
        self._json({})

    def _asked(self) -> tuple[str | None, dict[str, str]]:
        """What is asked for, by whom it may be; None where it was refused."""
        address = urlsplit(self.path)
        token, _, what = address.path.removeprefix("/").partition("/")
        own = hmac.compare_digest(token.encode(), self.server.token.encode())
        host = f"http://{self.headers.get('Host', '')}" == self.server.origin
        origin = self.headers.get("Origin", self.server.origin) == self.server.origin
        typed = self.headers.get("Content-Type", "") == "application/json"
        if not (own and host and origin and (typed or self.command == "GET")):
            self.send_error(HTTPStatus.FORBIDDEN)
            return None, {}
        query = parse_qs(address.query, keep_blank_values=True)
        return what, {key: values[0] for key, values in query.items()}

    def _json(self, values: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._reply(json.dumps(values).encode(), "application/json", status)

    def _file(self, path: Path, kind: str, policy: str) -> None:
        if path.is_file():
            self._reply(path.read_bytes(), kind, policy=policy)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _reply(
        self,
        content: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        policy: str = "default-src 'none'",
    ) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request: it would show the address."""


def _pictures(asked: dict[str, str]) -> Pictures:
    return Pictures.from_values(folder=asked.get("folder", ""))
