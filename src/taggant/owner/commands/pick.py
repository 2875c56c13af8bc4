"""``taggant plan --pick``."""

from __future__ import annotations

from pathlib import Path

from taggant.files import write_atomically
from taggant.models.model import ModelOptions
from taggant.owner import pick as picking
from taggant.owner.commands.console import note
from taggant.owner.commands.model_options import opened
from taggant.owner.labels import Labelling

SHOWN = 20
"""Pictures that are listed."""


def pick(
    folder: Path,
    spec: str,
    arch: str,
    classes: tuple[str, ...],
    labelling: Labelling,
    csv: Path | None,
) -> None:
    """List the pictures of a folder, the hardest first; and write all of it to a file, if named.

    Raises
    ------
    ValueError
        Without a model, or if the file is there already.
    """
    if not spec:
        raise ValueError("--pick: needs --model, a public classifier that never saw the pictures")
    if csv is not None and csv.exists():
        raise ValueError(f"--csv {csv} is there already; it is not overwritten")
    options = ModelOptions(
        arch=arch, victim="classifier", classes=len(classes) or None, prefix="--"
    )
    found = picking.pick(folder, opened(spec, options), labelling, classes)
    for rank, one in enumerate(found[:SHOWN], 1):
        note(f"{rank:4}  margin {one.margin:8.3f}  {one.name} ({one.label})")
    note(f"{len(found)} pictures, the hardest first.\n{picking.BASIS}")
    if csv is not None:
        write_atomically(csv, picking.to_csv(found))
        note(f"All of them: {csv}")
