"""``taggant export`` and ``taggant import``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from taggant.files import write_atomically
from taggant.owner import backup
from taggant.owner.commands.console import note
from taggant.owner.ledger import FolderLedger
from taggant.owner.status import belonging

VARIABLE = "TAGGANT_PASSPHRASE"
"""Of the environment: where the passphrase is, if it is not to be asked for."""


def export(
    ledger: Annotated[Path, typer.Argument(help="the secret file of `taggant mark`")],
    out: Annotated[Path, typer.Option(help="the backup, one encrypted file; keep it elsewhere")],
) -> None:
    """Encrypt a ledger, its commitments, timestamps and audits with a passphrase, as a backup."""
    if out.exists():
        raise ValueError(f"--out {out} is there already; it is not overwritten")
    beside = belonging(ledger)
    content = backup.export(ledger, beside, _passphrase(confirmed=True))
    write_atomically(out, content, mode=0o600, durable=True)
    note(
        f"{out}: {ledger.name} and {len(beside)} files that belong to it. Keep it on another disk, "
        "and the passphrase elsewhere: nobody can find it again. Raw pictures are not in it; keep "
        "copies of them too, audits need them."
    )


def import_(
    file: Annotated[Path, typer.Argument(help="what `taggant export` wrote")],
    out: Annotated[Path, typer.Option(help="the folder where its files go")],
) -> None:
    """Put back what `taggant export` wrote; nothing is overwritten."""
    size = file.stat().st_size
    if size > backup.LARGEST:
        raise ValueError(f"{file}: {size} bytes, accepted are at most {backup.LARGEST}")
    try:
        found = backup.opened(file.read_bytes(), _passphrase(confirmed=False))
    except backup.BackupError as error:
        raise backup.BackupError(f"{file}: {error}") from None
    written = backup.restore(found, out)
    ledger = FolderLedger.load(out / found.ledger)
    note(
        f"{out / found.ledger}: {len(ledger.files)} pictures, {len(ledger.batches)} batches. "
        f"{len(written)} files written, {len(found.files) - len(written)} were there already."
    )


def _passphrase(confirmed: bool) -> str:
    """From the environment, or asked for: what is typed as an argument stands in the history."""
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    if not sys.stdin.isatty():
        raise ValueError(
            f"a passphrase is needed: set {VARIABLE} in the environment, or give the command in a "
            "terminal, where it is asked for"
        )
    asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmed)
    return asked
