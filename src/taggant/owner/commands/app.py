"""``taggant app``."""

from __future__ import annotations

import html
import tempfile
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from taggant.owner.app.server import App
from taggant.owner.commands.console import note


def app(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="on this machine; 0: any free one")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="only print the page's address")
    ] = False,
) -> None:
    """Open a page with the four steps, for people who use no terminal."""
    with App(port) as server, tempfile.TemporaryDirectory(prefix="taggant-") as private:
        note(f"The page: {server.url}\nShow this address to nobody. Ctrl-C ends it.")
        if not no_browser:
            webbrowser.open(redirect(server.url, Path(private)).as_uri())
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            if server.job.running:
                note(f"{server.job.step} was cut short; give it again, and it goes on.")


def redirect(url: str, folder: Path) -> Path:
    """A private page that leads to an address: commands of a browser are seen by all users."""
    path = folder / "open.html"
    path.touch(mode=0o600)
    path.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(url)}">')
    return path
