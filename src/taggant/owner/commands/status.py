"""``taggant status``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taggant.owner.commands.console import note
from taggant.owner.status import of_ledger


def status(
    ledger: Annotated[Path, typer.Option(help="the secret file of `taggant mark`")],
) -> None:
    """What a ledger holds: batches, commitments, timestamps, and the audits beside it."""
    for line in of_ledger(ledger):
        note(line)
