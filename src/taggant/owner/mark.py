"""Mark a folder: every picture's published version, beside a ledger and a public commitment."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taggant.data.imageset import content_ids
from taggant.files import write_atomically
from taggant.marking.publish import raw_sha256
from taggant.marking.quality import Quality, quality
from taggant.owner import pictures
from taggant.owner.ledger import Entry, FolderLedger, canonical_plain
from taggant.owner.seals import PerPicture
from taggant.owner.sheet import Row, draw

SAMPLES = 6
LARGEST_COMPARED = 1024
"""Quality is measured on the central square of at most this side."""

Told = Callable[[str], None]


@dataclass(frozen=True)
class Marked:
    """What marking a folder came to.

    Attributes
    ----------
    ledger : FolderLedger
    written, kept : int
        Files written now, and found already there.
    quality : Quality or None
        Mean over the pictures; None while a beacon is awaited.
    notes : tuple of str
        What of some files could not be kept.
    """

    ledger: FolderLedger
    written: int
    kept: int
    quality: Quality | None
    notes: tuple[str, ...]


def mark(
    folder: Path,
    out: Path,
    ledger_path: Path,
    fresh: Callable[[Sequence[Entry]], FolderLedger],
    form: str,
    beacon_value: str = "",
    told: Told = lambda _: None,
) -> Marked:
    """Mark the pictures of a folder, or go on where an earlier call stopped.

    The ledger is written before the first published file, and a published file is never
    overwritten: a killed call loses nothing.

    Parameters
    ----------
    folder, out : Path
        Raw pictures, and where their published versions go.
    ledger_path : Path
        The owner's secret file; where it is there already, it is gone on with.
    fresh : callable
        Makes a new ledger for entries.
    form : str
        keep, png, webp, tiff or jpeg.
    beacon_value : str
        What the named beacon said.
    told : callable
        Told of each picture.

    Raises
    ------
    ValueError
        If pictures are unreadable, changed since, or a published file would be overwritten.
    """
    _apart(folder, out)
    entries, notes = _survey(folder, form)
    ledger = _ledger(ledger_path, entries, fresh)
    if beacon_value:
        ledger = ledger.with_value(beacon_value)
        ledger.save(ledger_path)
    write_commitment(ledger, commitment_path(ledger_path))
    if ledger.awaits_beacon:
        return Marked(ledger, 0, 0, None, notes)
    publisher = _Publisher(folder, out, ledger)
    done = [publisher.publish(entry, told) for entry in ledger.entries]
    ledger = replace(ledger, entries=tuple(done))
    ledger.save(ledger_path)
    sheet = ledger_path.with_suffix(".sheet.png")
    write_atomically(sheet, draw(publisher.samples), mode=0o600)
    return Marked(ledger, publisher.written, publisher.kept, publisher.mean(), notes)


def in_format(ledger: FolderLedger, form: str, quality: int) -> FolderLedger:
    """The ledger of files that are published in a format."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality {quality}: accepted are 1 to 100")
    return replace(ledger, format=form, quality=quality)


def commitment_path(ledger_path: Path) -> Path:
    """Where the public commitment lies: beside the ledger."""
    return ledger_path.with_suffix(".commitment.json")


def write_commitment(ledger: FolderLedger, path: Path) -> None:
    """Write the public commitment, and an RFC 3161 query for it where openssl is at hand."""
    public = {
        "what": "commitment to marked pictures (taggant)",
        "commitment": ledger.commitment,
        "pictures": len(ledger.seals),
        "beacon": ledger.terms.beacon,
    }
    content = json.dumps(public, indent=1).encode()
    if path.exists() and path.read_bytes() != content:
        raise ValueError(f"{path} holds another commitment; it is not overwritten")
    write_atomically(path, content)
    openssl = shutil.which("openssl")
    query = path.with_suffix(".tsq")
    if openssl and not query.exists():
        command = f"{openssl} ts -query -sha256 -cert -data".split()
        subprocess.run([*command, path, "-out", query], check=False, capture_output=True)


def _apart(folder: Path, out: Path) -> None:
    raw, published = folder.resolve(), out.resolve()
    if raw == published or raw in published.parents or published in raw.parents:
        raise ValueError(f"{out} and {folder} overlap: published files need a folder of their own")


def _survey(folder: Path, form: str) -> tuple[list[Entry], tuple[str, ...]]:
    """Every picture of a folder; all that cannot be marked are named at once."""
    names, others = pictures.find(folder)
    if not names:
        raise ValueError(f"{folder}: no pictures ({', '.join(sorted(pictures.SUFFIXES))})")
    targets = published_names(names, form)
    entries: list[Entry] = []
    failures: list[str] = []
    notes = [f"{name}: no picture, left alone" for name in others]
    for name in names:
        try:
            picture = pictures.read(folder / name)
        except pictures.PictureError as error:
            failures.append(str(error))
            continue
        notes += [f"{name}: {note}" for note in picture.notes]
        entries.append(_entry(name, picture.pixels, targets[name]))
    if failures:
        raise ValueError(
            f"{len(failures)} of {len(names)} pictures cannot be marked; move them elsewhere:\n  "
            + "\n  ".join(failures)
        )
    return entries, tuple(notes)


def _entry(name: str, pixels: Tensor, target: str) -> Entry:
    one = pixels[None]
    return Entry(name, content_ids(one)[0], raw_sha256(one)[0], target)


def published_names(names: Sequence[str], form: str) -> dict[str, str]:
    """Published name of each file; the old suffix stays in it where two would meet."""
    suffix = {name: pictures.SUFFIX_OF[pictures.format_of(name, form)] for name in names}
    plain = {name: str(Path(name).with_suffix(suffix[name]).as_posix()) for name in names}
    taken = [target.lower() for target in plain.values()]
    return {
        name: target if taken.count(target.lower()) == 1 else name + suffix[name]
        for name, target in plain.items()
    }


def _ledger(
    path: Path, entries: Sequence[Entry], fresh: Callable[[Sequence[Entry]], FolderLedger]
) -> FolderLedger:
    if not path.exists():
        ledger = fresh(entries)
        ledger.save(path)
        return ledger
    ledger = FolderLedger.load(path)
    _same_settings(path, ledger, fresh(entries))
    before = {e.name: replace(e, pixels="") for e in ledger.entries}
    now = {e.name: e for e in entries}
    if before != now:
        changed = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
        raise ValueError(
            f"{path} belongs to other pictures or another format: {len(changed)} files differ "
            f"(the first: {changed[0]}). Mark new or changed pictures into another folder, with a "
            "ledger of their own"
        )
    return ledger


def _same_settings(path: Path, ledger: FolderLedger, asked: FolderLedger) -> None:
    """Refuse other settings than those of the first call, which would be ignored."""
    pairs = {
        "scheme": (ledger.terms.scheme, asked.terms.scheme),
        "format": (ledger.format, asked.format),
        "quality": (ledger.quality, asked.quality),
        "beacon": (ledger.terms.beacon, asked.terms.beacon or ledger.terms.beacon),
    }
    for name, (before, now) in pairs.items():
        if canonical_plain(before) != canonical_plain(now):
            raise ValueError(
                f"{path} was made with {name} {before}, and this call asks for {now}. Give the "
                "options of the first call, or another --ledger and --out"
            )


class _Publisher:
    """Writes published files, one at a time."""

    def __init__(self, folder: Path, out: Path, ledger: FolderLedger) -> None:
        self.folder, self.out, self.ledger = folder, out, ledger
        secrets = {i: own.secret for i, own in ledger.pictures.items()}
        self.scheme = PerPicture(ledger.scheme, secrets)
        self.written = self.kept = 0
        self.qualities: list[Quality] = []
        self.samples: list[Row] = []

    def publish(self, entry: Entry, told: Told) -> Entry:
        raw = pictures.read(self.folder / entry.name).pixels
        made = self._version(entry.id, raw)
        target, source = self.out / entry.published, self.folder / entry.name
        kind = pictures.format_of(entry.name, self.ledger.format)
        content = pictures.encode(made, source, kind, self.ledger.quality)
        if target.exists():
            self._check_kept(target, content, entry)
            self.kept += 1
        else:
            write_atomically(target, content)
            self.written += 1
        shown = pictures.read(target).pixels
        if kind != "jpeg" and not torch.equal(shown, made):
            raise RuntimeError(f"{target}: reads back as other pixels than were written")
        self._measure(entry, raw, shown)
        told(entry.name)
        return replace(entry, pixels=pictures.digest(shown))

    def _version(self, image_id: str, raw: Tensor) -> Tensor:
        index = np.array([[self.ledger.index(image_id)]])
        made = self.ledger.made.versions(self.scheme, b"", raw[None], [image_id], index)
        return made[0, 0].cpu()

    def _check_kept(self, target: Path, content: bytes, entry: Entry) -> None:
        if target.read_bytes() == content:
            return
        if entry.pixels and pictures.digest(pictures.read(target).pixels) == entry.pixels:
            return
        raise ValueError(
            f"{target} is there already and is not what this ledger publishes; nothing is "
            "overwritten. Choose an empty --out, or move the file away"
        )

    def _measure(self, entry: Entry, raw: Tensor, shown: Tensor) -> None:
        a, b = (_centre(picture, LARGEST_COMPARED) for picture in (raw, shown))
        colours = len(raw) - int(len(raw) in (2, 4))
        measured = quality(a[None, :colours], b[None, :colours])
        self.qualities.append(measured)
        if len(self.samples) < SAMPLES:
            self.samples.append(Row(entry.name, raw[:colours], shown[:colours], measured))

    def mean(self) -> Quality:
        count = len(self.qualities)
        return Quality(
            sum(q.psnr for q in self.qualities) / count,
            sum(q.ssim for q in self.qualities) / count,
            max(q.linf for q in self.qualities),
        )


def _centre(pixels: Tensor, side: int) -> Tensor:
    top, left = (max(0, (size - side) // 2) for size in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side]
