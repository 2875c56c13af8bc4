"""``taggant certify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taggant.files import write_atomically
from taggant.owner import certify as certifying
from taggant.owner.commands.console import note
from taggant.owner.commands.summary import summary
from taggant.owner.ledger import FolderLedger
from taggant.owner.pdf import pdf
from taggant.owner.record import Record


def certify(
    ledger: Annotated[Path, typer.Option(help="the secret file of `taggant mark`")],
    record: Annotated[Path, typer.Option("--audit", help="what `taggant audit` wrote")],
    out: Annotated[Path, typer.Option(help="the certificate, NAME.json; a page beside it")],
    everything: Annotated[
        bool, typer.Option("--open-all", help="open the unclaimed pictures too")
    ] = False,
    as_pdf: Annotated[bool, typer.Option("--pdf", help="print the page to NAME.pdf too")] = False,
) -> None:
    """Make the certificate: it opens what is claimed, and nothing else."""
    if out.exists():
        raise ValueError(f"{out} is there already; it is not overwritten")
    made = certifying.certificate(FolderLedger.load(ledger), Record.load(record), everything)
    page = certifying.write(made, out)
    note(f"{summary(made)}\nCertificate {out}, page {page}.")
    if as_pdf:
        printed = out.with_suffix(".pdf")
        write_atomically(printed, pdf(page.read_text(encoding="utf-8")))
        note(f"As a print: {printed}")
