"""Numbers of the files' forms: what another version wrote is named, never taken for damage."""

from __future__ import annotations

from pathlib import Path


class SchemaError(ValueError):
    """A file is of another schema."""


def check_schema(found: object, accepted: str, path: Path) -> None:
    """Refuse a file of another schema.

    Raises
    ------
    SchemaError
        Naming both.
    """
    if found != accepted:
        raise SchemaError(
            f"{path}: its schema is {found!r}, accepted is {accepted!r}. What another version of "
            "taggant wrote, that version reads"
        )
