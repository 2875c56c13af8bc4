"""Schemas of what the owner's tool reads: every value has a type and a range, no key is unknown.

A file may come from a stranger. What it says is parsed into the classes below and those built from
them; nothing that it names is imported, and nothing in it can ask for more work than the ranges
allow. A class of fields is the whole description: parsing, checking and the message follow from it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_serializer,
)
from pydantic_core.core_schema import SerializerFunctionWrapHandler

LARGEST_FILE = 16 << 20
"""Bytes of a stranger's file that is read."""
MOST_VALUES = 1 << 20
"""Values in it: as many as ten thousand opened pictures of a hundred scores have."""
MOST_OBJECTS = 120_000
OWN_FILES = 64
"""The owner's own files hold the scores of all pictures: they may be so many times as large."""
MOST_FIELDS = 1024
"""Fields of one object; a run's record has one a module that its results rest on."""
LARGEST_N = 10_000
"""Versions of a picture, at most; a test of as many is made in seconds."""
MOST_PICTURES = 50_000
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that make a line read otherwise than it is written."""
WORDS = {
    "Input should be greater": "accepted are values greater",
    "Input should be less": "accepted are values less",
    "Input should be": "accepted is",
    "String should match pattern": "accepted is text like",
}
SHOWN = 60
"""Characters of a wrong value that a message repeats."""

AnySchema = TypeVar("AnySchema", bound="Schema")


class Schema(BaseModel):
    """Fields. None may be unknown, missing or of another type: 1 is no bool, and "1" no int."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )
    size_factor: ClassVar[int] = 1
    """How many times as large a file may be as a stranger's."""

    @classmethod
    def from_values(cls: type[AnySchema], **values: object) -> AnySchema:
        """Check Python's own values, tuples and other schemas among them.

        Raises
        ------
        SchemaError
            Naming the first that is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SchemaError(describe(error, values)) from None

    def replace(self: AnySchema, **values: object) -> AnySchema:
        """The same with other values of some fields, which are checked too."""
        return self.from_values(**{**self._fields(), **values})

    def _fields(self) -> dict[str, object]:
        return {
            field.alias or name: getattr(self, name)
            for name, field in type(self).model_fields.items()
        }

    def plain(self) -> dict[str, Any]:
        """Plain values, as they are written to a file."""
        values: dict[str, Any] = self.model_dump(mode="json", by_alias=True)
        return values


class GrownSchema(Schema):
    """One with fields that files lack which were written before there were such fields.

    These are the fields with a default, and while they have it they are not written: such a file
    comes out byte for byte as it was.

    Attributes
    ----------
    first : frozenset of str
        Fields with a default that every file has.
    """

    first: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _written(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = written(self)
        fields = type(self).model_fields.items()
        later = {
            name: field.default
            for name, field in fields
            if not field.is_required() and name not in self.first
        }
        same = {name for name, default in later.items() if getattr(self, name) == default}
        return {name: value for name, value in values.items() if name not in same}


class SchemaError(ValueError):
    """A file or a value does not fit its schema."""


def parse(kind: type[AnySchema], content: bytes) -> AnySchema:
    """Read JSON of one schema.

    Parameters
    ----------
    kind : class of `Schema`
    content : bytes

    Raises
    ------
    SchemaError
        Naming the first field that is wrong, its value, and what is accepted. No more than a few
        times the memory of `LARGEST_FILE` is taken, whatever the content.
    """
    _check_size(content, kind.size_factor)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise SchemaError(describe(error, json.loads(content))) from None


def _check_size(content: bytes, times: int) -> None:
    """Refuse what is no JSON, and what takes long to read, before any field is looked at."""
    objects = content.count(b"{")
    values = content.count(b",") + content.count(b"[") + objects
    for count, most, what in (
        (len(content), LARGEST_FILE, "bytes"),
        (values, MOST_VALUES, "values"),
        (objects, MOST_OBJECTS, "objects"),
    ):
        if count > most * times:
            raise SchemaError(f"it holds {count} {what}, accepted are at most {most * times}")
    try:
        json.loads(content, object_pairs_hook=_check_fields)
    except RecursionError:
        raise SchemaError("it is nested too deeply") from None
    except ValueError as error:
        raise SchemaError(f"it is no JSON: {printable(str(error))[: SHOWN * 2]}") from None


def _check_fields(pairs: Sequence[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(pairs) > MOST_FIELDS:
        raise ValueError(f"{len(pairs)} fields of one object, accepted are at most {MOST_FIELDS}")
    if len(names) < len(pairs):
        raise ValueError(f"a field occurs twice in {sorted(names)[:SHOWN]}")


def to_json(values: Schema) -> bytes:
    """The one text in which a schema's values are written to a file."""
    text = json.dumps(values.plain(), indent=1, sort_keys=True, allow_nan=False)
    return (text + "\n").encode()


def parse_values(kind: type[AnySchema], values: Mapping[str, object]) -> AnySchema:
    """Check plain values as `parse` checks those of a file.

    Raises
    ------
    SchemaError
        As `parse`, and for values that JSON cannot hold.
    """
    try:
        return parse(kind, json.dumps(values).encode())
    except TypeError as error:
        raise SchemaError(str(error)) from None


def describe(error: ValidationError, values: object) -> str:
    """The first fault, in a line: the key as it stands in the file, the value, what is accepted."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(map(str, _keys(fault["loc"], values)))
    message = fault["msg"].removeprefix("Value error, ")
    for theirs, ours in WORDS.items():
        message = message.replace(theirs, ours)
    if fault["type"] == "json_invalid" or not where:
        return printable(message)
    if where == "schema" and fault["type"] == "literal_error":
        return (
            f"its schema is {_short(fault['input'])}, accepted is {fault['ctx']['expected']}. What "
            "another version of taggant wrote, that version reads"
        )
    if fault["type"] == "missing":
        return printable(f"{where} is missing")
    if fault["type"] == "extra_forbidden":
        return printable(f"{where}: there is no such field")
    if fault["type"] == "union_tag_invalid":
        named = f"{where}.kind = {_short(fault['ctx']['tag'])}"
        return f"{printable(named)}: accepted are {fault['ctx']['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return printable(f"{where}.kind is missing")
    return f"{printable(where)} = {_short(fault['input'])}: {printable(message)}"


def _keys(loc: Sequence[int | str], values: object) -> Iterator[int | str]:
    """Where a fault is, without the kinds of components that pydantic names on the way."""
    kind = None
    for step in loc:
        if step == kind:
            kind = None
            continue
        yield step
        values = _inside(values, step)
        kind = values.get("kind") if isinstance(values, Mapping) else None


def _inside(values: object, step: int | str) -> object:
    if isinstance(values, Mapping):
        return values.get(step)
    if isinstance(values, list) and isinstance(step, int) and step < len(values):
        inner: object = values[step]
        return inner
    return None


def _short(value: object) -> str:
    """A value as a message repeats it; a long one is cut before it is written out."""
    if isinstance(value, str):
        value = value[: SHOWN + 1]
    elif isinstance(value, int) and abs(value) >> 200:
        return f"a number of {value.bit_length() * 3 // 10} digits"
    elif isinstance(value, Mapping):
        return f"{{...}} of {len(value)} fields"
    elif isinstance(value, (list, tuple)):
        return f"[...] of {len(value)} values"
    text = printable(repr(value))
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def printable(text: str) -> str:
    """Text that no terminal takes for commands, in one line."""
    return "".join(c if _is_visible(c) else "?" for c in text)


def read_bounded(path: Path) -> bytes:
    """Content of a file, of which no more is read than is accepted.

    Raises
    ------
    SchemaError
        If there is more.
    """
    with path.open("rb") as stream:
        content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise SchemaError(f"{path}: more than {LARGEST_FILE} bytes, which are accepted at most")
    return content


# --- kinds of values ---------------------------------------------------------------------------


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character not in BIDI


def _line(text: str) -> str:
    if not all(map(_is_visible, text)):
        raise ValueError("accepted is text without control characters")
    return text


def _relative(name: str) -> str:
    path = PurePosixPath(_line(name))
    if "\\" in name or path.is_absolute() or ".." in path.parts or str(path) != name or name == ".":
        raise ValueError("accepted are names of files inside a folder, a/b.png")
    return name


def decimal(text: str) -> str:
    """A probability as it is written: 0.05, or 1/300 where no decimal of 12 digits is exact.

    Raises
    ------
    ValueError
        If it is no number between 0 and 1.
    """
    if not re.fullmatch(r"(\d{0,12}\.)?\d{1,12}(e-\d{1,2})?|\d{1,12}/0*[1-9]\d{0,11}", text):
        raise ValueError(f"{text[:SHOWN]!r}: accepted are numbers such as 0.05, 1e-3 or 1/300")
    value = Fraction(text)
    if not 0 < value < 1:
        raise ValueError(f"{text}: accepted are numbers between 0 and 1")
    scaled = value * 10**12
    if scaled.denominator == 1:
        return f"0.{scaled.numerator:012d}".rstrip("0")
    return str(value)


def _decimal(text: str) -> str:
    if decimal(text) != text:
        raise ValueError(f"accepted is {decimal(text)}")
    return text


def _moment(text: str) -> str:
    try:
        right = datetime.fromisoformat(text).isoformat(timespec="seconds") == text
    except ValueError:
        right = False
    if not right:
        raise ValueError("accepted is a date such as 2030-01-31T12:00:00+00:00")
    return text


Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""32 bytes in lower-case hex."""
ContentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Bits = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})*$", max_length=LARGEST_N // 4)]
"""Packed bits in lower-case hex."""
Line = Annotated[str, StringConstraints(max_length=1000), AfterValidator(_line)]
"""Text of one line."""
NonEmptyLine = Annotated[Line, StringConstraints(min_length=1)]
Label = Annotated[str, StringConstraints(max_length=200), AfterValidator(_line)]
Caption = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_line)]
RelativeName = Annotated[
    str, StringConstraints(min_length=1, max_length=1000), AfterValidator(_relative)
]
"""A file's name inside a folder."""
Decimal = Annotated[str, AfterValidator(_decimal)]
"""A probability, written in the one way that `decimal` writes it."""
Timestamp = Annotated[str, StringConstraints(max_length=25), AfterValidator(_moment)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Probability = Annotated[float, Field(ge=0, le=1)]
