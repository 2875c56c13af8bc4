"""`taggant`: mark a folder, publish it, audit a model, hand over a certificate."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from taggant import __version__
from taggant.cli import EXPECTED
from taggant.owner.commands.app import app as local_page
from taggant.owner.commands.audit import audit
from taggant.owner.commands.backup import export, import_
from taggant.owner.commands.certify import certify
from taggant.owner.commands.mark import mark
from taggant.owner.commands.option_groups import grouped
from taggant.owner.commands.plan import plan
from taggant.owner.commands.serve import serve
from taggant.owner.commands.status import status
from taggant.owner.commands.verify import verify
from taggant.urls import redact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (mark, status, audit, certify, verify, plan, serve, export):
    app.command()(grouped(command))
app.command("import")(import_)
app.command("app")(local_page)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"taggant {__version__}")
        raise typer.Exit


@app.callback()
def taggant(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="show it")
    ] = False,
) -> None:
    """Prove that a model was trained on your pictures."""


def main() -> None:
    """Run the command line; a failure is one clear message and exit status 2."""
    try:
        app()
    except EXPECTED as error:
        message = f"error: {redact(str(error))}"
        Console(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
        sys.exit(2)
