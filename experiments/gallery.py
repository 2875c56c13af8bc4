"""The gallery: one page with every figure, its command, status and date."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader

from experiments.experiment import FIGURES, FOLDER, Experiment
from experiments.output import save


def write(experiments: Sequence[Experiment], page: Path, figures: Path = FIGURES) -> Path:
    """Draw all that have results, and put them on one page that needs no other file.

    Parameters
    ----------
    experiments : sequence of Experiment
    page : Path
        Where to write.
    figures : Path
        Folder of the figures' own files.
    """
    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
    entries = [_entry(one, figures) for one in experiments]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(environment.get_template("gallery.html").render(entries=entries))
    return page


def _entry(one: Experiment, figures: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {"one": one, "problems": one.problems(), "date": None}
    if not one.path.exists():
        return entry
    drawn = one.draw()
    shown, *_ = save(drawn, figures / one.name)
    entry |= {"date": one.table["date"].max(), "age": one.age}
    if isinstance(drawn, pl.DataFrame):
        return {**entry, "table": drawn}
    return {**entry, "image": base64.b64encode(shown.read_bytes()).decode()}
