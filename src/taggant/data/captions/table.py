"""Captions in tables: CSV, TSV and the like, a row a caption."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from taggant.data.captions.pair import (
    FILE_NAMES,
    PICTURES,
    TEXT_NAMES,
    Caption,
    Row,
    check_text,
    decoded,
    is_file,
    one_of,
)

QUOTED, UNQUOTED = (",", ";"), ("\t", "|")
"""What may part columns, where fields may stand in quotes, and where quotes are text."""
LONGEST = 131_072
"""Characters of a field; a longer one is the rest of a file behind a quote left open."""
FLICKR30K = ("image_name", "comment_number", "comment")
LIKE_CSV = re.compile(r'\s*"(?:[^"]|"")*""(?:[^"]|"")*"\s*')
HINT = "a field that begins with a quote must end with one, and quotes inside of it are doubled"


@dataclass(frozen=True)
class Header:
    """How a table is to be read.

    Attributes
    ----------
    delimiter : str
    columns : tuple of str
    file, caption : int
        Numbers of the columns that hold these.
    """

    delimiter: str
    columns: tuple[str, ...]
    file: int
    caption: int


def read(path: Path, images: Path) -> list[Row]:
    """File names and captions of a table, in its order.

    Parameters
    ----------
    path : Path
    images : Path
        Folder that file names start from.

    Raises
    ------
    ValueError
        With file and line, for anything that is not a plain row of as many columns as the header.
    """
    lines = _lines(path)
    header = _header(path, lines[0])
    if header.delimiter in QUOTED:
        rows = _quoted(path, lines, header, images)
    else:
        rows = _unquoted(path, lines, header)
    found: list[Row] = []
    for where, row in rows:
        _check_row(where, row, header)
        name = row[header.file].strip()
        if not name:
            raise ValueError(f"{where}: no file name")
        found.append((name, [Caption(row[header.caption], where)]))
    return found


def _lines(path: Path) -> list[str]:
    """Lines without their ends, which may be those of Unix, Windows or old Macs."""
    text = decoded(path, path.read_bytes())
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    for number, line in enumerate(lines, 1):
        check_text(f"{path}, line {number}", line)
    return lines


def _header(path: Path, line: str) -> Header:
    """The header, parted by whatever gives a file name and a caption."""
    where = f"{path}, line 1"
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    parted = {delimiter: _names(line, delimiter) for delimiter in (usual, *QUOTED, *UNQUOTED)}
    fits = [
        d for d, names in parted.items() if {*FILE_NAMES} & {*names} and {*TEXT_NAMES} & {*names}
    ]
    delimiter = fits[0] if fits else usual
    columns = parted[delimiter]
    file, caption = one_of(where, FILE_NAMES, columns), one_of(where, TEXT_NAMES, columns)
    for name in (file, caption):
        if columns.count(name) > 1:
            raise ValueError(f"{where}: more than one column is called {name}")
    return Header(delimiter, tuple(columns), columns.index(file), columns.index(caption))


def _names(line: str, delimiter: str) -> list[str]:
    """Names of columns, in small letters; the whole line where this cannot be its delimiter."""
    fields = line.split(delimiter)
    if delimiter in QUOTED:
        reader = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
        try:
            fields = next(reader, [])
        except csv.Error:
            fields = [line]
    return [name.strip().lower() for name in fields]


Line = tuple[str, list[str]]
"""Where a row stands, and its fields."""


def _unquoted(path: Path, lines: Sequence[str], header: Header) -> Iterator[Line]:
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines[1:], 2):
        where = f"{path}, line {number}"
        if not line.strip(" "):
            continue
        if "\r" in line:
            raise ValueError(f"{where}: a carriage return inside of the line; is it two lines?")
        row = line.split(header.delimiter)
        if any(map(LIKE_CSV.fullmatch, row)):
            raise ValueError(
                f"{where}: a field in quotes with doubled quotes inside, as in CSV; between "
                f"{header.delimiter!r} quotes are text: write the table as CSV"
            )
        if header.delimiter == "|" and header.columns == FLICKR30K:
            row = _mended(where, row, seen)
            seen[row[0]] += 1
        yield where, row


def _mended(where: str, row: list[str], seen: Counter[str]) -> list[str]:
    """Flickr30k's row without its second ``|``: the number and the comment are one field.

    Only where the number is the one that the picture's next comment must have.
    """
    parts = re.fullmatch(r"\s*(\d+)\s+(\S.*)", row[1]) if len(row) == 2 else None
    if parts is None or int(parts[1]) != seen[row[0]]:
        return row
    warnings.warn(
        f"{where}: the second | is missing; read as comment {parts[1]} of {row[0].strip()}, "
        f"{parts[2].strip()!r}",
        stacklevel=2,
    )
    return [row[0], parts[1], parts[2]]


def _quoted(path: Path, lines: Sequence[str], header: Header, images: Path) -> Iterator[Line]:
    reader = csv.reader(
        (f"{line}\n" for line in lines),
        delimiter=header.delimiter,
        skipinitialspace=True,
        strict=True,
    )
    last = 0
    try:
        for row in reader:
            first, last = last + 1, reader.line_num
            where = f"{path}, line {first}"
            for number in range(first + 1, last + 1):
                _check_goes_on(where, number, lines[number - 1], header, images)
            if first > 1 and row not in ([], [""]):
                yield where, row
    except csv.Error as error:
        raise ValueError(f"{path}, {_span(last + 1, reader.line_num)}: {error}; {HINT}") from error


def _span(first: int, last: int) -> str:
    return f"line {first}" if last <= first else f"lines {first} to {last}"


def _check_goes_on(where: str, number: int, line: str, header: Header, images: Path) -> None:
    """Refuse a line in the middle of a quoted field that would make a row of its own."""
    fields = line.split(header.delimiter)
    name = fields[header.file].strip(' "') if len(fields) > header.file else ""
    if (
        name
        and len(fields) > 1
        and (Path(name).suffix.lower() in PICTURES or is_file(images / name))
    ):
        raise ValueError(
            f"{where}: the quotes go on over line {number}, which looks like a row of its own; "
            f"{HINT}"
        )


def _check_row(where: str, row: list[str], header: Header) -> None:
    there, wanted = len(row), len(header.columns)
    if there < wanted:
        raise ValueError(f"{where}: {there} of the header's {wanted} columns")
    if there > wanted:
        way = "stand in quotes" if header.delimiter in QUOTED else "be written as CSV or JSON"
        raise ValueError(
            f"{where}: {there} columns where the header has {wanted}; a text that holds "
            f"{header.delimiter!r} must {way}"
        )
    longest = max(map(len, row))
    if longest > LONGEST:
        raise ValueError(
            f"{where}: a field of {longest} characters; accepted are {LONGEST}; {HINT}"
        )
