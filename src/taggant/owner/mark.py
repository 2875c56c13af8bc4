"""Mark a folder: every picture's published version, beside a ledger and a public commitment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from taggant.files import write_atomically
from taggant.marking.quality import Quality
from taggant.owner.batch import Batch
from taggant.owner.batches import Call, Draw
from taggant.owner.commitments import PublicCommitment
from taggant.owner.contact_sheet import draw, page
from taggant.owner.journal import RunningError
from taggant.owner.labels import Labelling
from taggant.owner.ledger import FolderLedger
from taggant.owner.publisher import Progress, Publisher
from taggant.owner.schema import to_json
from taggant.owner.secret_paths import inside, refuse_inside
from taggant.owner.survey import survey
from taggant.store.lock import locked


@dataclass(frozen=True)
class MarkedBatch:
    """What marking a batch came to.

    Attributes
    ----------
    number : int
        Of the batch in its ledger, from 1.
    batch : Batch
    written, already_there : int
        Files written now, and found already there.
    quality : Quality or None
        Mean over the pictures; None while a beacon is awaited.
    """

    number: int
    batch: Batch
    written: int = 0
    already_there: int = 0
    quality: Quality | None = None


@dataclass(frozen=True)
class Marked:
    """What a call came to.

    Attributes
    ----------
    ledger : FolderLedger
        With all its batches.
    parts : tuple of MarkedBatch
        The batches that this call made or went on with; none where there was nothing to do.
    notes : tuple of str
        What of some files could not be kept, and which were left alone.
    skipped : dict of str to str
        Pictures that cannot be read, and what to do about each.
    """

    ledger: FolderLedger
    parts: tuple[MarkedBatch, ...]
    notes: tuple[str, ...]
    skipped: dict[str, str]

    @property
    def written(self) -> int:
        """Files written now."""
        return sum(part.written for part in self.parts)

    @property
    def already_there(self) -> int:
        """Files found already there."""
        return sum(part.already_there for part in self.parts)


def mark(
    folder: Path,
    out: Path,
    ledger_path: Path,
    draw_batch: Draw,
    file_format: str,
    beacon_value: str = "",
    progress: Progress = lambda *_: None,
    reading: Progress = lambda *_: None,
    keep_location: bool = True,
    labelling: Labelling | None = None,
    own_quality: bool = False,
    append: bool = False,
    copies: str = "",
    no_mining: bool = False,
) -> Marked:
    """Mark the pictures of a folder, or go on where an earlier call stopped.

    The ledger is written before the first published file, and a published file is never
    overwritten: a killed call loses nothing, and the same call again ends its work.

    Parameters
    ----------
    folder, out : Path
        Raw pictures, and where their published versions go.
    ledger_path : Path
        The owner's secret file; where it is there already, it is gone on with.
    draw_batch : callable
        Makes a new batch of entries.
    file_format : str
        keep, png, webp, tiff or jpeg, which leaves transparent pictures to png.
    beacon_value : str
        What the named beacon said.
    progress : callable
        Called after each picture, with the bytes of raw files done, and of all.
    reading : callable
        Likewise, while all pictures are read for the first time.
    keep_location : bool
        Whether published files say where they were taken, as far as the raw ones do.
    labelling : Labelling, optional
        Where labels and captions come from; left out, the first call takes class folders, and a
        further one what the ledger holds.
    own_quality : bool
        Whether JPEG files that are published as JPEG keep their quality.
    append : bool
        Make the pictures that the ledger does not hold a batch of their own.
    copies : str
        With `append`: what is done with copies of pictures that the ledger holds
        (`taggant.owner.append.COPIES`).
    no_mining : bool
        Whether published files say that no model may learn from them.

    Raises
    ------
    ValueError
        If the ledger would lie in a folder of pictures, pictures are unreadable or changed since,
        or a published file would be overwritten.
    RunningError
        If another call with this ledger is running: each would draw a ledger of its own.
    """
    _refuse_overlap(folder, out)
    refuse_inside("--ledger", ledger_path, {"--out": out, "the raw folder": folder})
    found = survey(folder, file_format, keep_location, own_quality, reading)
    call = Call(
        ledger_path, found.entries, draw_batch, file_format, labelling, beacon_value, copies
    )
    lock = ledger_path.with_name(f".{ledger_path.name}.lock")
    with locked(lock, partial(_refuse_running, ledger_path)):
        if append:
            ledger, numbers, told = call.append()
        else:
            ledger, numbers, told = call.begin_or_go_on()
        notes = (*found.notes, *told)
        parts = []

        def publisher(batch: Batch) -> Publisher:
            return Publisher(folder, out, batch, keep_location, no_mining)

        for number in numbers:
            write_commitment(
                ledger.batches[number - 1].public, commitment_path(ledger_path, number)
            )
            part, told = _publish(ledger, number, publisher, ledger_path, progress)
            ledger = ledger.with_batch(number, part.batch)
            ledger.save(ledger_path)
            notes += told
            parts.append(part)
    return Marked(ledger, tuple(parts), notes, found.skipped)


def _publish(
    ledger: FolderLedger,
    number: int,
    publisher_of: Callable[[Batch], Publisher],
    ledger_path: Path,
    progress: Progress,
) -> tuple[MarkedBatch, tuple[str, ...]]:
    """Write what a batch publishes, and its contact sheet; nothing while a beacon is awaited."""
    batch = ledger.batches[number - 1]
    if batch.awaits_beacon:
        return MarkedBatch(number, batch), ()
    publisher = publisher_of(batch)
    shown = [entry for entry in batch.entries if entry.id not in batch.withheld]
    done = {entry.name: entry for entry in publisher.publish(shown, progress)}
    batch = replace(batch, entries=tuple(done.get(one.name, one) for one in batch.entries))
    samples = publisher.samples
    write_atomically(contact_sheet_path(ledger_path, number), draw(samples), mode=0o600)
    write_atomically(contact_page_path(ledger_path, number), page(samples), mode=0o600)
    made = publisher.written, publisher.already_there, publisher.mean_quality()
    notes = publisher.notes(ledger.published_files)
    return MarkedBatch(number, batch, *made), notes


def _refuse_running(ledger_path: Path) -> None:
    raise RunningError(
        f"another call with --ledger {ledger_path} is running; wait until it ends, or give this "
        "one another --ledger and --out"
    )


def commitment_path(ledger_path: Path, number: int = 1) -> Path:
    """Where a batch's public commitment lies: beside the ledger."""
    return _beside(ledger_path, number, "commitment.json")


def contact_sheet_path(ledger_path: Path, number: int = 1) -> Path:
    """Where a batch's contact sheet lies: beside the ledger, and as secret."""
    return _beside(ledger_path, number, "sheet.png")


def contact_page_path(ledger_path: Path, number: int = 1) -> Path:
    """Where the contact sheet lies as a page with sliders, as secret."""
    return _beside(ledger_path, number, "contact.html")


def timestamp_path(ledger_path: Path, number: int = 1) -> Path:
    """Where the authority's reply about a batch's commitment lies: beside it."""
    return commitment_path(ledger_path, number).with_suffix(".tsr")


def _beside(ledger_path: Path, number: int, ending: str) -> Path:
    return ledger_path.with_suffix(f".{ending}" if number == 1 else f".{number}.{ending}")


def write_commitment(public: PublicCommitment, path: Path) -> None:
    """Write a public commitment, and an RFC 3161 query for it where openssl is at hand."""
    content = to_json(public)
    if path.exists() and path.read_bytes() != content:
        raise ValueError(f"{path} holds another commitment; it is not overwritten")
    write_atomically(path, content)
    openssl = shutil.which("openssl")
    query = path.with_suffix(".tsq")
    if openssl and not query.exists():
        command = f"{openssl} ts -query -sha256 -cert -data".split()
        subprocess.run([*command, path, "-out", query], check=False, capture_output=True)


def _refuse_overlap(folder: Path, out: Path) -> None:
    if inside(folder, out) or inside(out, folder):
        raise ValueError(f"{out} and {folder} overlap: published files need a folder of their own")
