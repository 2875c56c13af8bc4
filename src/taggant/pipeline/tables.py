"""Tables of results, written whole or not at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from taggant.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


def save_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as .parquet or .csv, as the file's name ends.

    Raises
    ------
    OSError
        If it cannot be written, naming the file; polars' own error would not.
    """
    content = io.BytesIO()
    if path.suffix == ".parquet":
        table.write_parquet(content)
    else:
        table.write_csv(content)
    write_atomically(path, content.getvalue())
