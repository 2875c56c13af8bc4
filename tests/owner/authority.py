"""A timestamp authority of one's own, made with openssl, which answers over HTTP."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

SETTINGS = """
[tsa]
default_tsa = t
[t]
serial = serial
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


def openssl(root: Path, *words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], cwd=root, check=True, capture_output=True)


def key(root: Path, name: str) -> None:
    openssl(root, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")


def make(root: Path) -> Path:
    """A root, and an authority that it vouches for: root.pem, tsa.pem."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("root", "tsa"):
        key(root, name)
    new = ("req", "-new", "-key")
    openssl(root, *new, "root.key", "-x509", "-days", "99", "-subj", "/CN=Root", "-out", "root.pem")
    openssl(root, *new, "tsa.key", "-subj", "/CN=Authority", "-out", "tsa.csr")
    (root / "usage").write_text("extendedKeyUsage = critical,timeStamping\n")
    (root / "tsa.cnf").write_text(SETTINGS)
    (root / "serial").write_text("01\n")
    vouch(root)
    return root


def vouch(root: Path) -> None:
    """The root's certificate of the authority, for what the file usage says."""
    signed = ("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days")
    openssl(root, *signed, "99", "-set_serial", "7", "-extfile", "usage", "-out", "tsa.pem")


def answer(root: Path, query: bytes) -> bytes:
    """The authority's reply to a query."""
    (root / "query").write_bytes(query)
    reply = ("ts", "-reply", "-config", "tsa.cnf", "-section", "t", "-queryfile", "query")
    openssl(root, *reply, "-signer", "tsa.pem", "-inkey", "tsa.key", "-out", "reply")
    return (root / "reply").read_bytes()


def stamp(root: Path, message: bytes) -> bytes:
    """The authority's reply about a message."""
    (root / "message").write_bytes(message)
    openssl(root, "ts", "-query", "-sha256", "-cert", "-data", "message", "-out", "asked")
    return answer(root, (root / "asked").read_bytes())


@contextmanager
def served(root: Path, status: int = 200, other: bytes | None = None) -> Iterator[str]:
    """The authority at an address of this machine; or something that answers `other`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer(root, query) if other is None else other)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
