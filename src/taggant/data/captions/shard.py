"""Pictures and captions in webdataset shards: tar files, in which NAME.txt tells of NAME.jpg."""

from __future__ import annotations

import tarfile
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from taggant.data.captions.pair import PICTURES, Caption, Member, Pair, decoded
from taggant.data.options import some

TEXT = ".txt"
END = 2 * tarfile.BLOCKSIZE
"""Bytes of zeros, at least, that end a tar file."""
CHUNK = 1 << 20


def read(path: Path) -> list[Pair]:
    """Pictures of a shard with their captions, in its order.

    The shard is gone through once; a picture is then read from where it lies. Members whose name,
    or a folder's in it, begins with a dot are left out, and counted in a warning.

    Raises
    ------
    ValueError
        With the member, for a picture without caption or a caption without picture, one that is
        there twice, a link, or text that is not UTF-8; for a file that is cut off or no tar file.
    """
    try:
        with path.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as shard:
            members = list(_members(path, shard))
            _check_end(path, stream, shard.offset)
            found = _pictures_and_texts(path, members, stream)
    except tarfile.TarError as error:
        raise ValueError(f"{path}: no readable, uncompressed tar file ({error})") from error
    return _paired(path, *found)


def _members(path: Path, shard: tarfile.TarFile) -> Iterator[Member]:
    """Visible pictures and texts, one after the other."""
    seen: dict[str, Member] = {}
    hidden = 0
    while (info := shard.next()) is not None:
        name = PurePosixPath(info.name)
        if any(part.startswith(".") for part in name.parts):
            hidden += not info.isdir()
            continue
        if info.isdir() or name.suffix.lower() not in {TEXT, *PICTURES}:
            continue
        if info.name in seen:
            raise ValueError(f"{info.name} in {path}: there are two members of this name")
        if info.islnk() and info.linkname in seen:
            target = seen[info.linkname]
            member = Member(info.name, target.offset, target.size)
        elif info.isreg() and not info.issparse():
            member = Member(info.name, info.offset_data, info.size)
        else:
            raise ValueError(f"{info.name} in {path}: a link or the like, where a file must be")
        seen[info.name] = member
        yield member
    if hidden:
        warnings.warn(
            f"{path}: left out {hidden} members whose name begins with a dot", stacklevel=2
        )


def _check_end(path: Path, stream: BinaryIO, offset: int) -> None:
    """Refuse a shard that goes on behind its end, or has none."""
    stream.seek(offset)
    length = 0
    while chunk := stream.read(CHUNK):
        if chunk.count(0) < len(chunk):
            raise ValueError(
                f"{path}: damaged, cut off or put together from several files at byte {offset}"
            )
        length += len(chunk)
    if length < END:
        raise ValueError(f"{path}: cut off at byte {offset + length}; a tar file ends with zeros")


def _pictures_and_texts(
    path: Path, members: list[Member], stream: BinaryIO
) -> tuple[dict[str, Member], dict[str, Caption]]:
    """Pictures, and captions, by what the names of the two have in common."""
    pictures: dict[str, Member] = {}
    texts: dict[str, Caption] = {}
    for member in members:
        name = PurePosixPath(member.name)
        key, where = str(name.with_suffix("")), f"{member.name} in {path}"
        if key in (texts if name.suffix.lower() == TEXT else pictures):
            raise ValueError(f"{where}: a second {name.suffix} or the like of {key}")
        if name.suffix.lower() == TEXT:
            stream.seek(member.offset)
            texts[key] = Caption(decoded(where, stream.read(member.size)), where)
        else:
            pictures[key] = member
    return pictures, texts


def _paired(path: Path, pictures: dict[str, Member], texts: dict[str, Caption]) -> list[Pair]:
    if not pictures:
        raise ValueError(f"{path}: no pictures ({', '.join(sorted(PICTURES))}) in this shard")
    bare = [member.name for key, member in pictures.items() if key not in texts]
    if bare:
        raise ValueError(f"{path}: no caption (.txt) of {len(bare)} pictures: {some(bare, 5)}")
    alone = [caption.where for key, caption in texts.items() if key not in pictures]
    if alone:
        raise ValueError(f"{alone[0]}: a caption without a picture ({len(alone)} such captions)")
    return [Pair(path, (texts[key],), member) for key, member in pictures.items()]
