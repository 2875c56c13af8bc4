"""Captions in JSON: lists of records, COCO's two lists, or images with sentences."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from taggant.data.captions.pair import (
    FILE_NAMES,
    TEXT_NAMES,
    Caption,
    Row,
    check_text,
    decoded,
    one_of,
)
from taggant.data.options import some

Entry = tuple[str, dict[str, object]]
"""Where a record stands, and the record."""


def read(path: Path) -> list[Row]:
    """File names and captions of a JSON file, in its order.

    Raises
    ------
    ValueError
        With file and entry (``annotations[7]``, from 0), for what is of none of these forms.
    """
    try:
        held = json.loads(decoded(path, path.read_bytes()), object_pairs_hook=_object)
    except (json.JSONDecodeError, RecursionError, _TwiceError) as error:
        raise ValueError(f"{path}: no JSON ({error})") from error
    if isinstance(held, dict) and "annotations" in held:
        return _coco(path, held)
    name, records = ("images", held.get("images")) if isinstance(held, dict) else ("", held)
    return [_record(*entry) for entry in _entries(path, name, records)]


class _TwiceError(ValueError):
    """A key occurs twice in one object."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    held = dict(pairs)
    if len(held) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _TwiceError(f"the key {twice!r} occurs twice in one object")
    return held


def _entries(path: Path, name: str, records: object) -> list[Entry]:
    if not isinstance(records, list):
        raise ValueError(
            f"{path}: expected is a list of records, COCO's images and annotations, or images with "
            "sentences"
        )
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            raise ValueError(f"{path}, {name}[{i}]: {_short(record)} stands where a record must be")
    return [(f"{path}, {name}[{i}]", record) for i, record in enumerate(records)]


def _coco(path: Path, held: dict[str, object]) -> list[Row]:
    names: dict[int | str, str] = {}
    for where, image in _entries(path, "images", held.get("images")):
        number = _id(where, _field(where, image, ("id",)))
        if number in names:
            raise ValueError(f"{where}: a second image with the id {number!r}")
        names[number] = _text(where, _field(where, image, FILE_NAMES))
    rows: list[Row] = []
    used = set()
    for where, note in _entries(path, "annotations", held["annotations"]):
        number = _id(where, _field(where, note, ("image_id",)))
        if number not in names:
            raise ValueError(f"{where}: a caption of image {number!r}, which is not in the list")
        used.add(number)
        caption = Caption(_text(where, _field(where, note, TEXT_NAMES)), where)
        rows.append((names[number], [caption]))
    without = [name for number, name in names.items() if number not in used]
    if without:
        warnings.warn(
            f"{path}: left out {len(without)} of {len(names)} images, which have no caption: "
            f"{', '.join(some(without, 5))}",
            stacklevel=2,
        )
    return rows


def _record(where: str, record: dict[str, object]) -> Row:
    given = record["sentences"] if "sentences" in record else _field(where, record, TEXT_NAMES)
    texts = given if isinstance(given, list) else [given]
    raw = [text.get("raw") if isinstance(text, dict) else text for text in texts]
    name = _text(where, _field(where, record, FILE_NAMES))
    return name, [Caption(_text(where, text), where) for text in raw]


def _field(where: str, record: dict[str, object], accepted: Sequence[str]) -> object:
    return record[one_of(where, accepted, list(record))]


def _id(where: str, value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"{where}: {_short(value)} stands where a number or name must be")
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: {_short(value)} stands where a text must be")
    check_text(where, value)
    return value


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) < 80 else f"{shown[:77]}..."
