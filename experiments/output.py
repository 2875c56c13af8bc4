"""Files of what was drawn: PNG and PDF of figures; Markdown, CSV and LaTeX of tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from taggant.report.style import applied

ESCAPED = {"\\": r"\textbackslash{}"} | {sign: f"\\{sign}" for sign in "&%$#_{}"}
DATELESS = {"png": {}, "pdf": {"CreationDate": None}}
"""The same table gives the same bytes on another day."""


def save(drawn: Figure | pl.DataFrame, stem: Path) -> list[Path]:
    """Write a figure or a table beside `stem` under each ending.

    Parameters
    ----------
    drawn : Figure or DataFrame
    stem : Path
        Where to write, without the ending; its folder is made.

    Returns
    -------
    list of Path
        The files written, the one to show first.
    """
    stem.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(drawn, Figure):
        with applied():
            for ending, metadata in DATELESS.items():
                drawn.savefig(f"{stem}.{ending}", metadata=metadata)
        return [Path(f"{stem}.{ending}") for ending in DATELESS]
    texts = {"md": markdown(drawn), "csv": drawn.write_csv(), "tex": latex(drawn)}
    for ending, text in texts.items():
        Path(f"{stem}.{ending}").write_text(text)
    return [Path(f"{stem}.{ending}") for ending in texts]


def markdown(table: pl.DataFrame) -> str:
    """A table in Markdown."""
    rows = [table.columns, ["---"] * table.width, *_cells(table)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def latex(table: pl.DataFrame) -> str:
    """A table in LaTeX, for the package booktabs."""
    head, *body = ([_escaped(cell) for cell in row] for row in (table.columns, *_cells(table)))
    lines = [rf"\begin{{tabular}}{{{'l' * table.width}}}", r"\toprule", _row(head), r"\midrule"]
    return "\n".join([*lines, *map(_row, body), r"\bottomrule", r"\end{tabular}", ""])


def _cells(table: pl.DataFrame) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in table.iter_rows()]


def _escaped(text: str) -> str:
    return "".join(ESCAPED.get(sign, sign) for sign in text)


def _row(cells: list[str]) -> str:
    return rf"{' & '.join(cells)} \\"
