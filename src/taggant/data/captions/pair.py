"""A picture and its captions, with where each stands."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from taggant.data.decode import read

FILE_NAMES = ("image", "file_name", "filename", "image_name", "file", "filepath", "path")
TEXT_NAMES = ("caption", "captions", "text", "comment", "raw", "title")
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})


@dataclass(frozen=True)
class Caption:
    """A text without white space around it, and where it stands: file and line, or the like.

    Raises
    ------
    ValueError
        For a text that cannot be written as UTF-8, or holds a NUL.
    """

    text: str
    where: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text.strip())
        check_text(self.where, self.text)


@dataclass(frozen=True)
class Member:
    """A file inside of a shard: its name, and which bytes of the shard it is."""

    name: str
    offset: int
    size: int

    def content(self, shard: Path) -> io.BytesIO:
        """Its bytes."""
        with shard.open("rb") as stream:
            stream.seek(self.offset)
            return io.BytesIO(stream.read(self.size))


@dataclass(frozen=True)
class Pair:
    """Where a picture lies, and its captions.

    Attributes
    ----------
    path : Path
        Of the picture, or of the shard that holds it.
    captions : tuple of Caption
    member : Member, optional
        The picture in its shard.
    """

    path: Path
    captions: tuple[Caption, ...]
    member: Member | None = None

    @property
    def name(self) -> str:
        """What the picture is called where its captions stand."""
        return str(self.path) if self.member is None else self.member.name

    def __str__(self) -> str:
        shown = self.name if self.member is None else f"{self.name} in {self.path}"
        return f"{shown} ({self.captions[0].where})" if self.captions else shown

    def content(self) -> Path | io.BytesIO:
        """What Pillow opens."""
        return self.path if self.member is None else self.member.content(self.path)

    def read(self, size: int | None) -> Tensor:
        """The picture, uint8 [3, H, W]; see `taggant.data.decode.read`."""
        return read(str(self), self.content(), size)


Row = tuple[str, Sequence[Caption]]
"""A picture's file name, and some of its captions."""


def gathered(rows: Iterable[Row], images: Path) -> list[Pair]:
    """One pair for each picture, in the order of their first captions."""
    captions: dict[Path, list[Caption]] = {}
    for name, some in rows:
        captions.setdefault(images / name, []).extend(some)
    return [Pair(path, tuple(texts)) for path, texts in captions.items()]


def decoded(name: Path | str, content: bytes) -> str:
    """Text of UTF-8 bytes, without a byte order mark.

    Raises
    ------
    ValueError
        With the line, if they are not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content.count(b"\n", 0, error.start)
        raise ValueError(
            f"{name}, line {line}: captions must be UTF-8, byte {error.start} of the file is not "
            f"({error.reason})"
        ) from error


def check_text(where: str, text: str) -> None:
    """Refuse a text that is none: with a NUL, or half of a surrogate pair.

    Raises
    ------
    ValueError
    """
    if "\0" in text:
        raise ValueError(f"{where}: a NUL character; captions and names must be UTF-8 text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = ascii(text[error.start])
        raise ValueError(f"{where}: {half} is half a character, and no UTF-8 text") from error


def is_file(path: Path) -> bool:
    """Whether a file is there; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def one_of(where: str, accepted: Sequence[str], there: Sequence[str]) -> str:
    """The first accepted name among those that are there.

    Raises
    ------
    ValueError
        If there is none.
    """
    for name in accepted:
        if name in there:
            return name
    raise ValueError(f"{where} has {list(there)}: one of {', '.join(accepted)} is needed")
