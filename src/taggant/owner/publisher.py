"""Published files: written side by side, a few at a time, and never over another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from torch import Tensor

from taggant.files import write_atomically
from taggant.marking.quality import Quality
from taggant.owner import pictures
from taggant.owner.batch import Batch, Entry
from taggant.owner.contact_sheet import Row, spread
from taggant.owner.jpeg import JPEG
from taggant.owner.looks import Look, compare
from taggant.owner.metadata import Metadata
from taggant.owner.scheme import ColoursOnly
from taggant.owner.streaming import streamed

SAMPLES = 6

Progress = Callable[[int, int], None]
"""Called after each picture, with the bytes of raw files done, and of all."""


@dataclass(frozen=True)
class Done:
    """A picture that was published.

    Attributes
    ----------
    entry : Entry
        With the digest of the published pixels.
    quality : Quality
    row : Row or None
        Of the contact sheet, if it is shown there.
    written : bool
        Or it was there already.
    has_old_metadata : bool
        It was, with metadata that can hold the picture without its mark.
    """

    entry: Entry
    quality: Quality
    row: Row | None
    written: bool
    has_old_metadata: bool


class Publisher:
    """Writes published files.

    Parameters
    ----------
    folder, out : Path
        Raw pictures, and where their published versions go.
    ledger : Batch
    keep_location : bool
        Whether published files say where they were taken, as far as the raw ones do.
    no_mining : bool
        Whether they say that no model may learn from them.

    Attributes
    ----------
    done : list of Done
        In the order of the entries.
    """

    def __init__(
        self, folder: Path, out: Path, ledger: Batch, keep_location: bool, no_mining: bool = False
    ) -> None:
        self.folder, self.out, self.ledger = folder, out, ledger
        self.keep_location, self.no_mining = keep_location, no_mining
        self.scheme = ColoursOnly(ledger.scheme, ledger.terms.spares_clear)
        self.done: list[Done] = []
        self._marking = Lock()  # networks and their caches are for one thread

    def publish(self, entries: Sequence[Entry], progress: Progress) -> list[Entry]:
        """Write the published files that are not there; entries with their pixels' digests.

        Raises
        ------
        ValueError
            If another file of a published one's name is there: nothing is overwritten.
        RuntimeError
            If a file that holds all of a picture reads back otherwise.
        """
        shown = frozenset(spread([entry.name for entry in entries], SAMPLES))
        if entries:
            self.ledger.draws(entries[0].id)  # what all threads look up is there before they start
        sizes = [(self.folder / entry.name).stat().st_size for entry in entries]
        finished = streamed(
            lambda entry: self._publish(entry, entry.name in shown),
            entries,
            lambda entry: pictures.size_of(self.folder / entry.name),
        )
        past, total = 0, sum(sizes)
        for done, size in zip(finished, sizes, strict=True):
            self.done.append(done)
            past += size
            progress(past, total)
        return [done.entry for done in self.done]

    def _publish(self, entry: Entry, is_shown: bool) -> Done:
        """Write one picture, or find it there; at any time little more than its pixels is held."""
        target, kind = self.out / entry.published, self._kind(entry)
        there = target.exists()
        made = self._make(entry, is_shown, not there or kind not in pictures.LOSSLESS)
        if not there:
            write_atomically(target, made.content)
            made = replace(made, content=b"")
        found = pictures.read(target)
        pixels, kept = pictures.digest(found.pixels), found.kept
        after = Look.of(found.pixels, is_shown)
        del found
        if there:
            self._check_present(target, entry, made, pixels, kept)
        elif kind != JPEG and pixels != made.pixels:
            raise RuntimeError(f"{target}: reads back as other pixels than were written")
        measured = compare(made.raw, after)
        row = None
        if made.raw.small is not None and after.small is not None:
            row = Row(entry.name, made.raw.small, after.small, measured)
        old = there and bool(kept.left_out) and kind != pictures.RAW_FORMAT
        return Done(entry.replace(pixels=pixels), measured, row, not there, old)

    def _kind(self, entry: Entry) -> str:
        return self.ledger.terms.format_of(entry)

    def _make(self, entry: Entry, is_shown: bool, with_content: bool) -> _Made:
        kind, source = self._kind(entry), self.folder / entry.name
        picture = pictures.read(source, self.keep_location)
        kept = picture.kept.without_mining() if self.no_mining else picture.kept
        raw = Look.of(picture.pixels, is_shown)
        version = self._version(entry.id, picture.pixels)
        del picture
        digest = pictures.digest(version)
        if not with_content:
            return _Made(raw, digest, b"")
        if kind == pictures.RAW_FORMAT:
            return _Made(raw, digest, source.read_bytes())
        image = pictures.to_image(version)
        del version
        content = pictures.encode(image, kept, kind, self.ledger.terms.jpeg_of(entry))
        return _Made(raw, digest, content)

    def _version(self, image_id: str, raw: Tensor) -> Tensor:
        draws = self.ledger.draws(image_id)
        device, index = self.ledger.made.build(), np.array([[draws.index()]])
        with self._marking:
            made = device.versions(self.scheme, [draws.secret], raw[None], [image_id], index)
        return made[0, 0].cpu()

    def _check_present(
        self, target: Path, entry: Entry, made: _Made, pixels: str, kept: Metadata
    ) -> None:
        """Refuse a file that is there and is not what is published."""
        same = target.read_bytes() == made.content if made.content else pixels == made.pixels
        if not same and pixels != entry.pixels:
            raise ValueError(
                f"{target} is there already and is not what this ledger publishes; nothing is "
                "overwritten. Choose an empty --out, or move the file away"
            )
        if self.no_mining and not kept.forbids_mining:
            raise ValueError(
                f"--no-mining: {target} is there already and does not say so; nothing is "
                "overwritten. Remove it, and the same command writes it anew"
            )
        if kept.has_location and not self.keep_location:
            raise ValueError(
                f"--strip-gps: {target} is there already and says where it was taken; nothing "
                "is overwritten. Remove it, and the same command writes it without"
            )

    @property
    def written(self) -> int:
        """Files written now."""
        return sum(done.written for done in self.done)

    @property
    def already_there(self) -> int:
        """Files found there."""
        return len(self.done) - self.written

    @property
    def samples(self) -> list[Row]:
        """Rows of the contact sheet."""
        return [done.row for done in self.done if done.row is not None]

    def notes(self, published: Collection[str]) -> tuple[str, ...]:
        """What should be known of the published folder, given the files that belong there."""
        notes = []
        old = [done.entry.published for done in self.done if done.has_old_metadata]
        if old:
            notes.append(
                f"{len(old)} published files were there with metadata that can hold "
                f"the picture without its mark (the first: {old[0]}): remove them, "
                "and the same command writes them again"
            )
        others = [name for name in files_in(self.out) if name not in published]
        if others:
            notes.append(
                f"{self.out} holds {len(others)} files that are none of the published ones (the "
                f"first: {others[0]}): look at them before you publish the folder"
            )
        return tuple(notes)

    def mean_quality(self) -> Quality:
        """Over all published pictures; the largest change of all."""
        qualities = [done.quality for done in self.done]
        return Quality(
            sum(q.psnr for q in qualities) / len(qualities),
            sum(q.ssim for q in qualities) / len(qualities),
            max(q.linf for q in qualities),
        )


@dataclass(frozen=True)
class _Made:
    """What a picture's published file is made of: how the raw one looks, the digest of the pixels,
    and the file, where it is needed."""

    raw: Look
    pixels: str
    content: bytes


def files_in(folder: Path) -> list[str]:
    """Relative names of all files below a folder, hidden ones too."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    )
