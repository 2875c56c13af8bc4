"""An experiment: a module of this folder, the runs it needs, the table it keeps."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import polars as pl
from matplotlib.figure import Figure

from experiments.collect import rates
from experiments.expected import Expected
from taggant import code
from taggant.report.style import applied

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments"
RESULTS = ROOT / "results"
FIGURES = ROOT / "docs" / "figures"


@dataclass(frozen=True)
class Experiment:
    """A figure or table by its name, ``<group>/<name>``.

    Parameters
    ----------
    name : str
    results : Path
        Folder of the tables that are kept.
    """

    name: str
    results: Path = RESULTS

    @property
    def module(self) -> ModuleType:
        """The module that defines it."""
        return importlib.import_module(f"experiments.{self.name.replace('/', '.')}")

    @property
    def title(self) -> str:
        """First line of its docstring."""
        return self._text.partition("\n")[0].removesuffix(".")

    @property
    def about(self) -> str:
        """The rest of its docstring."""
        return self._text.partition("\n")[2].strip()

    @property
    def _text(self) -> str:
        return inspect.getdoc(self.module) or self.name

    @property
    def runs(self) -> tuple[str, ...]:
        """Names of the run experiments that it draws."""
        return tuple(getattr(self.module, "RUNS", (self.name,)))

    @property
    def command(self) -> str:
        """What makes its results again, and draws them."""
        return f"python -m experiments run {self.name}"

    @property
    def expected(self) -> Sequence[Expected]:
        """What must come out."""
        return tuple(getattr(self.module, "EXPECTED", ()))

    @property
    def path(self) -> Path:
        """Where its table is kept."""
        return self.results / f"{self.name}.csv"

    @property
    def code_path(self) -> Path:
        """Where digests of the code that made its results are kept, by module."""
        return self.path.with_suffix(".code.json")

    @property
    def age(self) -> str:
        """What has become of the code that made its results; empty if nothing has."""
        known = json.loads(self.code_path.read_text()) if self.code_path.exists() else {}
        if not known:
            return "made by code that was not noted"
        others = code.changed(known)
        if not others:
            return ""
        more = f" and {len(others) - 1} more" if others[1:] else ""
        return f"older than the code: {others[0]}{more} changed since"

    @property
    def table(self) -> pl.DataFrame:
        """The table that is kept.

        Raises
        ------
        ValueError
            If it has not been run.
        """
        if not self.path.exists():
            raise ValueError(f"{self.name} has no results yet: {self.command}")
        return pl.read_csv(self.path, infer_schema_length=None)

    def collect(self, runs: pl.DataFrame) -> pl.DataFrame:
        """The table to keep, from the runs that it needs."""
        table: pl.DataFrame = getattr(self.module, "collect", rates)(runs)
        if "date" in table.columns:
            return table
        return table.with_columns(date=pl.lit(runs["date"].max()))

    def draw(self) -> Figure | pl.DataFrame:
        """The figure, or a table of text."""
        with applied():
            drawn: Figure | pl.DataFrame = self.module.draw(self.table)
        return drawn

    def problems(self) -> list[str]:
        """What is not as expected; empty if all is."""
        if not self.path.exists():
            return [f"no results yet: {self.command}"]
        table = self.table
        return [text for one in self.expected if (text := one.problem(table)) is not None]


def every(results: Path = RESULTS) -> list[Experiment]:
    """All there are, by name."""
    paths = sorted(path.relative_to(FOLDER) for path in FOLDER.glob("*/**/*.py"))
    names = [path.with_suffix("").as_posix() for path in paths if not path.name.startswith("_")]
    return [Experiment(name, results) for name in names]


def named(names: Sequence[str], results: Path = RESULTS) -> list[Experiment]:
    """Those with the given names, or of the given groups; all for no name.

    Raises
    ------
    ValueError
        For a name that is none, with those that are.
    """
    there = every(results)
    chosen: list[Experiment] = []
    for name in names:
        found = [one for one in there if one.name == name or one.name.startswith(f"{name}/")]
        if not found:
            accepted = ", ".join(one.name for one in there)
            raise ValueError(f"no experiment {name!r}; there are: {accepted}")
        chosen += found
    return chosen if names else there
