"""A first look at a folder: every picture is read, and little of it kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from taggant.data.imageset import content_ids
from taggant.marking.publish import raw_sha256
from taggant.owner import kinds, pictures
from taggant.owner.batch import Entry
from taggant.owner.jpeg import JPEG, JpegSettings
from taggant.owner.likeness import likeness
from taggant.owner.metadata import Metadata
from taggant.owner.publisher import Progress
from taggant.owner.schema import SchemaError
from taggant.owner.streaming import streamed


@dataclass(frozen=True)
class Survey:
    """What a folder holds.

    Attributes
    ----------
    entries : list of Entry
        Pictures that can be marked.
    notes : tuple of str
        What of some files could not be kept.
    skipped : dict of str to str
        Pictures that cannot be read, and what to do about each.
    """

    entries: list[Entry]
    notes: tuple[str, ...]
    skipped: dict[str, str]


@dataclass(frozen=True)
class _Surveyed:
    """What is kept of a picture once its pixels were looked at."""

    entry: Entry
    kept: Metadata
    notes: tuple[str, ...]
    jpeg: JpegSettings | None


def survey(
    folder: Path, file_format: str, keep_location: bool, own_quality: bool, reading: Progress
) -> Survey:
    """Every picture of a folder that can be read; all that cannot be marked are named at once.

    Parameters
    ----------
    folder, file_format, keep_location, own_quality, reading
        See `taggant.owner.mark.mark`.

    Raises
    ------
    ValueError
        If there is none, or some cannot be marked.
    """
    found = kinds.find(folder)
    if not found.pictures:
        named = "".join(f"\n  {name}: {advice}" for name, advice in found.unread.items())
        raise ValueError(f"{folder}: no pictures ({', '.join(sorted(kinds.SUFFIXES))}){named}")
    entries: list[Entry] = []
    failures: list[str] = []
    copied = file_format == pictures.RAW_FORMAT
    transparent = []
    left_out: Counter[str] = Counter()
    located = 0
    notes = []
    if found.others:
        count, first = len(found.others), found.others[0]
        notes.append(f"{count} files that are no pictures are left alone (the first: {first})")
    surveyed = streamed(
        lambda name: _surveyed(folder / name, name, file_format),
        found.pictures,
        lambda name: pictures.size_of(folder / name),
    )
    sizes = [_bytes_of(folder / name) for name in found.pictures]
    past, total = 0, sum(sizes)
    for name, one, own_size in zip(found.pictures, surveyed, sizes, strict=True):
        past += own_size
        reading(past, total)
        if isinstance(one, str):
            failures.append(one)
            continue
        own = one.jpeg if own_quality and file_format == JPEG else None
        entries.append(one.entry.replace(jpeg=own))
        if one.entry.format is not None:
            transparent.append(name)
        if not copied:
            notes += [f"{name}: {note}" for note in one.notes]
            left_out.update(one.kept.left_out)
        located += one.kept.has_location
    if failures:
        raise ValueError(
            f"{len(failures)} of {len(found.pictures)} pictures cannot be marked; move them "
            "elsewhere:\n  " + "\n  ".join(failures)
        )
    if transparent:
        notes.append(
            f"{len(transparent)} pictures have transparency, which JPEG cannot hold: they are "
            f"published as PNG (the first: {transparent[0]})"
        )
    return Survey(entries, (*notes, *_on_metadata(left_out, located, keep_location)), found.unread)


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0  # a link may lead nowhere


def _surveyed(path: Path, name: str, file_format: str) -> _Surveyed | str:
    """What is to be kept of a picture, or why it cannot be marked."""
    try:
        picture = pictures.read(path)
        entry = _entry(name, picture.pixels)
        if file_format == JPEG and pictures.has_alpha(picture.pixels):
            entry = entry.replace(format="png")
        return _Surveyed(entry, picture.kept, picture.notes, picture.jpeg)
    except (pictures.PictureError, SchemaError) as error:
        return str(error)


def _on_metadata(left_out: Counter[str], located: int, keep_location: bool) -> Iterator[str]:
    if left_out:
        named = ", ".join(f"{what} ({count} files)" for what, count in sorted(left_out.items()))
        yield f"not published, as it can hold the picture without its mark: {named}"
    if located and keep_location:
        yield (
            f"{located} files say where they were taken (GPS), and their published versions do; "
            "--strip-gps leaves it out"
        )
    elif located:
        yield f"where {located} files were taken (GPS) is left out"


def _entry(name: str, pixels: Tensor) -> Entry:
    one = pixels[None]
    return Entry.from_values(
        name=name,
        id=content_ids(one)[0],
        raw_sha256=raw_sha256(one)[0],
        label="",
        caption="",
        published=name,
        pixels=None,
        likeness=likeness(pixels),
    )
