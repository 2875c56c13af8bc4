"""``taggant verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taggant.owner import verify as verifying
from taggant.owner.commands.console import console, note
from taggant.owner.commands.model_options import EndpointAccess, ModelKind, model_options, opened
from taggant.owner.commands.parse import parse_names
from taggant.owner.reask import verify_scores
from taggant.owner.schema import SchemaError, read_bounded
from taggant.owner.unchecked import Given, unchecked


def verify(
    file: Annotated[Path, typer.Argument(help="a certificate, NAME.json")],
    kind: ModelKind,
    access: EndpointAccess,
    commitment: Annotated[Path | None, typer.Option(help="the public commitment file")] = None,
    beacon_value: Annotated[
        str | None, typer.Option(help="what the beacon said, as you looked it up")
    ] = None,
    model: Annotated[str, typer.Option(help="ask every score again of this model")] = "",
    raw: Annotated[
        Path | None, typer.Option(help="folder of the raw pictures, with --model")
    ] = None,
    classes: Annotated[
        str, typer.Option(help="the model's classes in its order, by commas, as you know them")
    ] = "",
) -> None:
    """Check a certificate; exit status 1 if anything is wrong with it."""
    page = file.with_suffix(".html")
    named = parse_names("--classes", classes)
    given = Given(
        page.exists(), commitment is not None, bool(beacon_value), bool(model), bool(classes)
    )
    found = verifying.verify(
        _content(file),
        _content(page) if page.exists() else None,
        None if commitment is None else _content(commitment),
        beacon_value,
        named or None,
    )
    checks, c = list(found.checks), found.certificate
    if model and c is not None:
        if raw is None:
            raise ValueError("--model needs --raw: versions are made from the raw pictures")
        options = model_options(kind, access, len(named) or len(c.model.classes))
        checks += verify_scores(c, opened(model, options), raw)
    for check in checks:
        console.print(f"{'ok   ' if check.ok else 'WRONG'} {check.name}", style=_colour(check))
        if check.wrong:
            note(f"      {check.wrong}")
    if c is None or not all(check.ok for check in checks):
        raise typer.Exit(1)
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
