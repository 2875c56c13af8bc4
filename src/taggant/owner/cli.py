"""`taggant`: mark a folder, publish it, audit a model, hand over a certificate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from taggant.cli import EXPECTED
from taggant.owner import mark as marking
from taggant.owner.ledger import Entry, FolderLedger, scheme_config
from taggant.owner.pictures import KEEP, SUFFIX_OF

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True, highlight=False)


@app.callback()
def taggant() -> None:
    """Prove that a model was trained on your pictures."""


def main() -> None:
    """Run the command line; a failure is one clear message and exit status 2."""
    try:
        app()
    except EXPECTED as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        sys.exit(2)


@app.command()
def mark(
    folder: Annotated[Path, typer.Argument(help="your pictures, in any sub-folders")],
    out: Annotated[Path, typer.Option(help="where the published versions go")],
    ledger: Annotated[
        Path, typer.Option(help="your secret file; keep it, and keep it to yourself")
    ],
    n: Annotated[int, typer.Option(help="versions of each picture")] = 1000,
    eps: Annotated[int, typer.Option(help="largest change of a pixel, in grey levels")] = 10,
    scheme: Annotated[
        str, typer.Option(help="a file of conf/marking/strategy, e.g. scaled_sign, sign, jacobian")
    ] = "scaled_sign",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE of the scheme, e.g. marking.strategy.cells=16"),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help="keep (lossless: WebP, TIFF, else PNG), or one of all")
    ] = KEEP,
    quality: Annotated[int, typer.Option(help="of JPEG")] = 95,
    beacon: Annotated[
        str, typer.Option(help="public random value that will choose the versions, by name")
    ] = "",
    beacon_value: Annotated[str, typer.Option(help="what that beacon said")] = "",
) -> None:
    """Mark a folder of pictures before you publish it."""
    if form not in (KEEP, *SUFFIX_OF):
        raise ValueError(f"--format {form}: accepted are {', '.join((KEEP, *SUFFIX_OF))}")

    def fresh(entries: Sequence[Entry]) -> FolderLedger:
        config = scheme_config(scheme, n, eps, set_ or [])
        made = FolderLedger.draw(config, beacon, entries)
        return marking.in_format(made, form, quality)

    if form == "jpeg":
        console.print(
            "warning: JPEG is lossy. Part of every mark is lost, and detection with it; png, webp "
            "and tiff keep all of it.",
            style="yellow",
        )
    result = marking.mark(folder, out, ledger, fresh, form, beacon_value)
    _say(result, out, ledger)


def _say(result: marking.Marked, out: Path, ledger: Path) -> None:
    for note in result.notes:
        console.print(f"note: {note}", style="dim", markup=False)
    public = marking.commitment_path(ledger)
    if result.quality is None:
        console.print(f"Commitment {result.ledger.commitment} made ({public}).", markup=False)
        console.print(
            f"Timestamp it now. When {result.ledger.terms.beacon} is out, give the same command "
            "with --beacon-value VALUE; nothing is published before."
        )
    else:
        q = result.quality
        console.print(
            f"{result.written} pictures written to {out}, {result.kept} were there already.\n"
            f"PSNR {q.psnr:.1f} dB, SSIM {q.ssim:.3f}, no pixel changed by more than {q.linf} of "
            f"255. Contact sheet: {ledger.with_suffix('.sheet.png')} (keep it to yourself).\n"
            f"Commitment {result.ledger.commitment} ({public}).",
            markup=False,
        )
    console.print(timestamp_advice(public), markup=False)


def timestamp_advice(public: Path) -> str:
    """How to prove later that the commitment was there before the model."""
    query = public.with_suffix(".tsq")
    return (
        "Timestamp the commitment before you publish the pictures, so that it counts:\n"
        "  - post it where the date cannot be changed and anyone can see it, or\n"
        "  - have a timestamp authority (RFC 3161) sign it:\n"
        f"      curl -H 'Content-Type: application/timestamp-query' --data-binary @{query} "
        f"URL-OF-AUTHORITY > {public.with_suffix('.tsr')}\n"
        f"      openssl ts -verify -data {public} -in {public.with_suffix('.tsr')} -CAfile "
        "AUTHORITY.pem"
    )
