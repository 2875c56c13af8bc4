"""``taggant verify``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from taggant.owner import verify as verifying
from taggant.owner.commands.console import console, note
from taggant.owner.commands.model_options import EndpointAccess, ModelKind, model_options, opened
from taggant.owner.commands.parse import parse_names
from taggant.owner.reask import verify_scores
from taggant.owner.schema import SchemaError, read_bounded
from taggant.owner.stamped import verify_timestamps
from taggant.owner.timestamp import Stamp
from taggant.owner.unchecked import Given, unchecked


def verify(
    file: Annotated[Path, typer.Argument(help="a certificate, NAME.json")],
    kind: ModelKind,
    access: EndpointAccess,
    commitment: Annotated[
        list[Path] | None, typer.Option(help="the public commitment file; of each batch")
    ] = None,
    beacon_value: Annotated[
        list[str] | None,
        typer.Option(help="what the beacon said, as you looked it up; of each in turn"),
    ] = None,
    beacon_signature: Annotated[
        list[str] | None,
        typer.Option(help="of a drand round, as drand gives it; of each in turn"),
    ] = None,
    timestamp: Annotated[
        list[Path] | None,
        typer.Option(help="an RFC 3161 reply about a commitment, FILE.tsr; of each batch"),
    ] = None,
    authority: Annotated[
        Path | None, typer.Option(help="certificates (PEM) of those who gave it, as you know them")
    ] = None,
    model: Annotated[str, typer.Option(help="ask every score again of this model")] = "",
    raw: Annotated[
        list[Path] | None,
        typer.Option(help="folder of the raw pictures, with --model; each one that holds some"),
    ] = None,
    classes: Annotated[
        str, typer.Option(help="the model's classes in its order, by commas, as you know them")
    ] = "",
) -> None:
    """Check a certificate; exit status 1 if anything is wrong with it."""
    page = file.with_suffix(".html")
    named = parse_names("--classes", classes)
    if bool(timestamp) != (authority is not None):
        raise ValueError("--timestamp and --authority: accepted are both, or neither")
    found = verifying.verify(
        _content(file),
        _content(page) if page.exists() else None,
        [_content(one) for one in commitment or ()],
        beacon_value or (),
        beacon_signature or (),
        named or None,
    )
    checks, c = list(found.checks), found.certificate
    stamps: Mapping[int, Stamp] = {}
    if c is not None and timestamp and authority is not None:
        replies = [_content(one) for one in timestamp]
        dated = verify_timestamps(c, replies, _content(authority))
        checks, stamps = [*checks, dated.check], dated.stamps
    if model and c is not None:
        if not raw:
            raise ValueError("--model needs --raw: versions are made from the raw pictures")
        options = model_options(kind, access, len(named) or len(c.model.classes))
        checks += verify_scores(c, opened(model, options), *raw)
    for check in checks:
        console.print(f"{'ok   ' if check.ok else 'WRONG'} {check.name}", style=_colour(check))
        if check.wrong:
            note(f"      {check.wrong}")
    if c is None or not all(check.ok for check in checks):
        raise typer.Exit(1)
    for number, stamp in sorted(stamps.items()):
        note(f"batch {number}: signed at {stamp.time.isoformat()} by {stamp.signer}")
    given = Given(
        page=page.exists(),
        public=len(commitment or ()),
        stamped=len(stamps),
        beacon=bool(beacon_value or beacon_signature),
        model=bool(model),
        classes=bool(classes),
    )
    for one in unchecked(c, given):
        note(f"not checked: {one.text}", style="yellow")


def _content(file: Path) -> bytes:
    try:
        return read_bounded(file)
    except SchemaError as error:
        note(f"WRONG the file is whole\n      {error}", style="bold red")
        raise typer.Exit(1) from None


def _colour(check: verifying.Check) -> str:
    return "green" if check.ok else "bold red"
