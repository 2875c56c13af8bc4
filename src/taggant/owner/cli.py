"""`taggant`: mark a folder, publish it, audit a model, hand over a certificate.

What only some commands need takes seconds to import: each is imported when it is called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from taggant import __version__
from taggant.cli import EXPECTED
from taggant.owner.commands.option_groups import grouped
from taggant.urls import redact

COMMANDS = {
    "mark": ("mark.mark", "Mark a folder of pictures before you publish it."),
    "status": (
        "status.status",
        "What a ledger holds: batches, commitments, timestamps, and the audits beside it.",
    ),
    "audit": (
        "audit.audit",
        "Ask a model about your pictures; a call that was cut short goes on where it stopped.",
    ),
    "certify": (
        "certify.certify",
        "Make the certificate: it opens what is claimed, and nothing else.",
    ),
    "verify": (
        "verify.verify",
        "Check a certificate; exit status 1 if anything is wrong with it.",
    ),
    "plan": (
        "plan.plan",
        "How many versions and queries a wanted power and error need, before you publish.",
    ),
    "serve": ("serve.serve", "Answer for the victim of a run, to try audits by URL."),
    "export": (
        "backup.export",
        "Encrypt a ledger, its commitments, timestamps and audits with a passphrase, as a backup.",
    ),
    "import": (
        "backup.import_",
        "Put back what `taggant export` wrote; nothing is overwritten.",
    ),
    "app": ("app.app", "Open a page with the four steps, for people who use no terminal."),
}
"""Module and function of each, in `taggant.owner.commands`, and its docstring, to list it by."""


class Later(TyperCommand):
    """A command that is imported when it is called.

    Parameters
    ----------
    name : str
    function : str
        After its module, in `taggant.owner.commands`.
    help : str
        What the list of commands says of it.
    """

    def __init__(self, name: str, function: str, help: str) -> None:
        super().__init__(name, help=help)
        self.function = function

    def load(self) -> TyperCommand:
        """The command itself."""
        module, _, function = self.function.partition(".")
        alone = typer.Typer(add_completion=False)
        home = import_module(f"taggant.owner.commands.{module}")
        alone.command(self.name)(grouped(getattr(home, function)))
        command = typer.main.get_command(alone)
        assert isinstance(command, TyperCommand)
        return command

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """The call of the command itself: its arguments are read, and then it runs."""
        return self.load().make_context(*args, **extra)


class Commands(TyperGroup):
    """All of `COMMANDS`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (function, said) in COMMANDS.items():
            self.add_command(Later(name, function, said))


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
