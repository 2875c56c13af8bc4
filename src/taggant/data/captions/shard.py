"""Webdataset shards: tar files, in which NAME.txt or NAME.cls tells of NAME.jpg.

Only names, pictures and short texts are read; no member is unpacked, unpickled or run. A stranger's
shard costs no more memory than the bounds below, whatever its headers say.
"""

from __future__ import annotations

import io
import struct
import tarfile
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from taggant.data.captions.pair import PICTURES, Caption, Member, Pair, decoded
from taggant.data.options import some

TEXT, CLASS = ".txt", ".cls"
NOUNS = {TEXT: "caption", CLASS: "class"}
END = 2 * tarfile.BLOCKSIZE
"""Bytes of zeros, at least, that end a tar file."""
HEADER = LONGEST_TEXT = 1 << 20
LARGEST_PICTURE = 1 << 28
"""Bytes that are read, at most."""
BROKEN = (
    tarfile.TarError,
    ValueError,
    OverflowError,
    RecursionError,
    EOFError,
    LookupError,
    struct.error,
)
"""What tarfile raises on headers that nobody would write."""


@dataclass(frozen=True)
class Sample:
    """A picture in a shard, and the texts beside it, by their suffix."""

    picture: Member
    texts: dict[str, Caption] = field(default_factory=dict)


def read(path: Path) -> list[Pair]:
    """Pictures of a shard with their captions, in its order.

    Raises
    ------
    ValueError
        As `samples`; also for a picture without caption.
    """
    found = samples(path, (TEXT,))
    check_complete(path, found, TEXT)
    return [Pair(path, (sample.texts[TEXT],), sample.picture) for sample in found]


def samples(
    path: Path, texts: Collection[str], pictures: Collection[str] = PICTURES
) -> list[Sample]:
    """Pictures of a shard with the texts beside them, in its order.

    The shard is gone through once; a picture is then read from where it lies. Members whose name,
    or a folder's in it, begins with a dot are left out, and counted in a warning.

    Parameters
    ----------
    path : Path
    texts, pictures : collection of str
        Suffixes of the members that are read, in small letters: ``.cls``, ``.jpg``.

    Raises
    ------
    ValueError
        With the member, for a text without picture, one that is there twice, a link, one that is
        too large, or text that is not UTF-8; for a file that is cut off or no tar file.
    """
    with _Bounded(io.FileIO(path)) as stream:
        members = _all_members(path, stream, {*texts, *pictures})
        found, alone = _joined(path, members, stream, texts)
    if not found:
        raise ValueError(f"{path}: no pictures ({', '.join(sorted(pictures))}) in this shard")
    if alone:
        raise ValueError(f"{alone[0]} ({len(alone)} such texts)")
    return found


def check_complete(path: Path, found: Collection[Sample], suffix: str) -> None:
    """Refuse pictures without such a text.

    Raises
    ------
    ValueError
    """
    bare = [sample.picture.name for sample in found if suffix not in sample.texts]
    if bare:
        what = NOUNS.get(suffix, "text")
        raise ValueError(f"{path}: no {what} ({suffix}) of {len(bare)} pictures: {some(bare, 5)}")


class _Bounded(io.BufferedReader):
    """A file of which no more than a header is read at once.

    tarfile reads as much of a header as the one before it says.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def _all_members(path: Path, stream: BinaryIO, suffixes: Collection[str]) -> list[Member]:
    try:
        with tarfile.open(fileobj=stream, mode="r:") as shard:
            members = list(_members(path, shard, suffixes))
            end = shard.offset
    except _RefusedError as error:
        raise ValueError(str(error)) from None
    except BROKEN as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: no readable, uncompressed tar file ({reason})") from error
    _check_end(path, stream, end)
    return members


class _RefusedError(Exception):
    """A member that is not taken, with the message for it."""


def _members(path: Path, shard: tarfile.TarFile, suffixes: Collection[str]) -> Iterator[Member]:
    """Visible members with these suffixes, one after the other."""
    seen: dict[str, Member] = {}
    hidden = 0
    for info in shard:
        shard.members = []  # type: ignore[attr-defined]  # it would keep them all
        name = PurePosixPath(info.name)
        if info.size < 0:  # tarfile would go back, for ever
            raise _RefusedError(f"{info.name} in {path}: {info.size} bytes")
        if any(part.startswith(".") for part in name.parts):
            hidden += not info.isdir()
            continue
        if info.isdir() or name.suffix.lower() not in suffixes:
            continue
        if info.name in seen:
            raise _RefusedError(f"{info.name} in {path}: there are two members of this name")
        if info.islnk() and info.linkname in seen:
            target = seen[info.linkname]
            member = Member(info.name, target.offset, target.size)
        elif info.isreg() and not info.issparse():
            member = Member(info.name, info.offset_data, info.size)
        else:
            raise _RefusedError(f"{info.name} in {path}: a link or the like, where a file must be")
        _check_size(path, member)
        seen[info.name] = member
        yield member
    if hidden:
        warnings.warn(
            f"{path}: left out {hidden} members whose name begins with a dot", stacklevel=2
        )


def _check_size(path: Path, member: Member) -> None:
    picture = PurePosixPath(member.name).suffix.lower() in PICTURES
    most = LARGEST_PICTURE if picture else LONGEST_TEXT
    if member.size > most:
        raise _RefusedError(
            f"{member.name} in {path}: {member.size:,} bytes; accepted are {most:,}"
        )


def _check_end(path: Path, stream: BinaryIO, offset: int) -> None:
    """Refuse a shard that goes on behind its end, or has none."""
    stream.seek(offset)
    length = 0
    while chunk := stream.read(HEADER):
        if chunk.count(0) < len(chunk):
            raise ValueError(
                f"{path}: damaged, cut off or put together from several files at byte {offset}"
            )
        length += len(chunk)
    if length < END:
        raise ValueError(f"{path}: cut off at byte {offset + length}; a tar file ends with zeros")


def _joined(
    path: Path, members: list[Member], stream: BinaryIO, suffixes: Collection[str]
) -> tuple[list[Sample], list[str]]:
    """Pictures with their texts, by what their names have in common; what is said of others."""
    pictures: dict[str, Sample] = {}
    texts: dict[tuple[str, str], Caption] = {}
    for member in members:
        name = PurePosixPath(member.name)
        key, suffix = str(name.with_suffix("")), name.suffix.lower()
        where = f"{member.name} in {path}"
        if (key, suffix) in texts if suffix in suffixes else key in pictures:
            raise ValueError(f"{where}: a second {name.suffix} or the like of {key}")
        if suffix in suffixes:
            stream.seek(member.offset)
            texts[key, suffix] = Caption(decoded(where, stream.read(member.size)), where)
        else:
            pictures[key] = Sample(member)
    alone = []
    for (key, suffix), text in texts.items():
        if key in pictures:
            pictures[key].texts[suffix] = text
        else:
            alone.append(f"{text.where}: a {NOUNS.get(suffix, 'text')} without a picture")
    return [*pictures.values()], alone
