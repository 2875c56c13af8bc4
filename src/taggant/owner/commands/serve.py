"""``taggant serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from taggant.owner.commands.console import console, note
from taggant.owner.models.run_folder import victim_of
from taggant.owner.serve import Service


def serve(
    run: Annotated[Path, typer.Argument(help="a run folder of run.py")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="on this machine; 0: any free one")
    ] = 8000,
    labels_only: Annotated[bool, typer.Option("--labels-only", help="no confidences")] = False,
) -> None:
    """Answer for the victim of a run, to try audits by URL."""
    trained = victim_of(run)
    with Service(trained.victim, trained.size, port, labels_only) as service:
        note(f"serving {run} at {service.url} (Ctrl-C ends it)")
        try:
            service.serve_forever()
        except KeyboardInterrupt:
            console.print(f"{service.answered} pictures answered")
