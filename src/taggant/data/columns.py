"""What a split of a Hugging Face dataset holds: pictures, classes and captions, by its columns."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from taggant.data.classes import numbered
from taggant.data.decode import read
from taggant.extras import library

PICTURE, CLASS = "Image", "ClassLabel"
"""Kinds of columns, as the library calls them."""
LABELS = ("label", "labels", "fine_label", "target")
"""Names of columns that are taken for classes where nothing else is asked for."""
TEXTS, WHOLE = ("string", "large_string"), ("int8", "int16", "int32", "int64", "uint8", "uint16")
"""Values that are names or captions, and that are class numbers."""


class Split(Protocol):
    """A `datasets.Dataset`, as far as it is used here."""

    features: Mapping[str, Any]
    column_names: Sequence[str]

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    def select_columns(self, names: list[str]) -> Split: ...
    def cast_column(self, name: str, feature: Any) -> Split: ...
    def with_format(self, kind: str | None) -> Split: ...


Labelled = tuple[NDArray[np.int64], tuple[str, ...]]
"""Class numbers int64 [N], and names of the classes."""


def picture_column(key: str, split: Split, wanted: str | None = None) -> str:
    """The column of pictures: the one that is wanted, or the only one.

    Parameters
    ----------
    key : str
        What is typed to choose it: ``data.image``.

    Raises
    ------
    ValueError
        Naming the columns that there are.
    """
    pictures = [name for name in split.column_names if _kind(split, name) == PICTURE]
    if wanted is not None:
        _check_there(key, split, wanted)
        if wanted not in pictures:
            raise ValueError(
                f"{key} = {wanted}: it holds {_kind(split, wanted)}, no images; columns are "
                f"{described(split)}; cast_column({wanted!r}, datasets.Image()) makes one of "
                "files and of their bytes"
            )
        return wanted
    if len(pictures) != 1:
        found = f"{', '.join(pictures)} hold images" if pictures else "none holds images"
        raise ValueError(f"{key} must name a column: columns are {described(split)}, and {found}")
    return pictures[0]


def class_column(key: str, split: Split, wanted: str | None = None) -> str | None:
    """The column of classes: the one that is wanted, the only ClassLabel, or one called label.

    Raises
    ------
    ValueError
        For a column that is not there or holds no classes, or if several might be meant.
    """
    if wanted is not None:
        _check_there(key, split, wanted)
        if _kind(split, wanted) not in (CLASS, *TEXTS, *WHOLE):
            raise ValueError(
                f"{key} = {wanted}: it holds {_kind(split, wanted)}; accepted are class numbers "
                f"and names; columns are {described(split)}"
            )
        return wanted
    known = [name for name in split.column_names if _kind(split, name) == CLASS]
    known = known or [
        name
        for name in split.column_names
        if name in LABELS and _kind(split, name) in (*TEXTS, *WHOLE)
    ]
    if len(known) > 1:
        raise ValueError(f"{key} must name a column: {', '.join(known)} hold classes")
    return known[0] if known else None


def pictures(
    split: Split, column: str, size: int | None, where: Callable[[int], str], inside: Inside
) -> Callable[[int], Tensor]:
    """What reads a row's picture, uint8 [3, H, W], as `taggant.data.decode.read` does.

    Parameters
    ----------
    where : callable
        Index -> where the row stands, for messages.
    inside : callable
        Whether a file that a row refers to may be read.
    """
    datasets = library("datasets", "Hugging Face datasets")
    raw = split.with_format(None).select_columns([column])
    raw = raw.cast_column(column, datasets.Image(decode=False))

    def picture(index: int) -> Tensor:
        held = raw[index][column]
        if held is None or (held["bytes"] is None and held["path"] is None):
            raise ValueError(f"{where(index)}: there is no picture in the column {column}")
        if held["bytes"] is not None:
            return read(where(index), io.BytesIO(held["bytes"]), size)
        path = Path(held["path"])
        if not inside(path):
            raise ValueError(
                f"{where(index)}: its picture is {held['path']}, a file outside of the set; one "
                "that holds the pictures themselves is needed (save_to_disk makes it)"
            )
        return read(f"{where(index)}, {path}", path, size)

    return picture


Inside = Callable[[Path], bool]


def captions(key: str, split: Split, column: str, where: Callable[[int], str]) -> tuple[str, ...]:
    """The texts of a column, without white space around them.

    Raises
    ------
    ValueError
        If there is no such column, or one without texts, or a text is empty.
    """
    _check_there(key, split, column)
    if _kind(split, column) not in TEXTS:
        raise ValueError(
            f"{key} = {column}: it holds {_kind(split, column)}, no texts; columns are "
            f"{described(split)}"
        )
    texts = [str(value or "").strip() for value in _values(split, column)]
    if "" in texts:
        raise ValueError(f"{where(texts.index(''))}: there is no text in the column {column}")
    return tuple(texts)


def classes(split: Split, column: str, where: Callable[[int], str]) -> Labelled:
    """The classes of a column: their numbers, and their names.

    Raises
    ------
    ValueError
        For a row without class, or a value that is none.
    """
    numbers, names = numbered(_values(split, column), where)
    known = tuple(getattr(split.features[column], "names", None) or ())
    if known and len(names) > len(known):
        row = int(numbers.argmax())
        raise ValueError(f"{where(row)}: {numbers[row]} is none of the {len(known)} classes")
    return numbers, known or names


def described(split: Split) -> str:
    """All columns with what they hold."""
    return ", ".join(f"{name} ({_kind(split, name)})" for name in split.column_names)


def _values(split: Split, column: str) -> list[Any]:
    held: Any = split.with_format(None).select_columns([column])
    return list(held[:][column])


def _kind(split: Split, name: str) -> str:
    feature = split.features[name]
    return str(getattr(feature, "dtype", "")) if _is_value(feature) else type(feature).__name__


def _is_value(feature: object) -> bool:
    return type(feature).__name__ == "Value"


def _check_there(key: str, split: Split, wanted: str) -> None:
    if wanted not in split.column_names:
        raise ValueError(f"{key} = {wanted}: columns are {described(split)}")
