"""Mark a folder: every picture's published version, beside a ledger and a public commitment."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor

from taggant.data.imageset import content_ids
from taggant.files import write_atomically
from taggant.marking.publish import raw_sha256
from taggant.marking.quality import Quality
from taggant.owner import kinds, pictures
from taggant.owner.commitments import WHAT, PublicCommitment
from taggant.owner.contact_sheet import draw, page
from taggant.owner.journal import RunningError
from taggant.owner.jpeg import JPEG, JpegSettings
from taggant.owner.labels import Labelling
from taggant.owner.ledger import Entry, FolderLedger
from taggant.owner.metadata import Metadata
from taggant.owner.publisher import Progress, Publisher
from taggant.owner.schema import SchemaError, to_json
from taggant.owner.secret_paths import inside, refuse_inside
from taggant.owner.streaming import streamed
from taggant.store.lock import locked


@dataclass(frozen=True)
class Marked:
    """What marking a folder came to.

    Attributes
    ----------
    ledger : FolderLedger
    written, already_there : int
        Files written now, and found already there.
    quality : Quality or None
        Mean over the pictures; None while a beacon is awaited.
    notes : tuple of str
        What of some files could not be kept.
    skipped : dict of str to str
        Pictures that cannot be read, and what to do about each.
    """

    ledger: FolderLedger
    written: int
    already_there: int
    quality: Quality | None
    notes: tuple[str, ...]
    skipped: dict[str, str]


def mark(
    folder: Path,
    out: Path,
    ledger_path: Path,
    draw_ledger: Callable[[Sequence[Entry]], FolderLedger],
    file_format: str,
    beacon_value: str = "",
    progress: Progress = lambda *_: None,
    keep_location: bool = True,
    labelling: Labelling | None = None,
    own_quality: bool = False,
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
    draw_ledger : callable
        Makes a new ledger for entries.
    file_format : str
        keep, png, webp, tiff or jpeg.
    beacon_value : str
        What the named beacon said.
    progress : callable
        Called after each picture, with the bytes of raw files done, and of all.
    keep_location : bool
        Whether published files say where they were taken, as far as the raw ones do.
    labelling : Labelling, optional
        Where labels and captions come from; left out, the first call takes class folders, and a
        further one what the ledger holds.
    own_quality : bool
        Whether JPEG files that are published as JPEG keep their quality.

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
    survey = _survey(folder, file_format, keep_location, own_quality)
    lock = ledger_path.with_name(f".{ledger_path.name}.lock")
    with locked(lock, partial(_refuse_running, ledger_path)):
        ledger = _load_or_draw(ledger_path, survey.entries, draw_ledger, labelling)
        if beacon_value:
            ledger = ledger.with_value(beacon_value)
            ledger.save(ledger_path)
        write_commitment(ledger, commitment_path(ledger_path))
        if ledger.awaits_beacon:
            return Marked(ledger, 0, 0, None, survey.notes, survey.skipped)
        publisher = Publisher(folder, out, ledger, keep_location)
        shown = [entry for entry in ledger.entries if entry.id not in ledger.withheld]
        done = {entry.name: entry for entry in publisher.publish(shown, progress)}
        entries = [done.get(entry.name, entry) for entry in ledger.entries]
        ledger = replace(ledger, entries=tuple(entries))
        ledger.save(ledger_path)
        write_atomically(contact_sheet_path(ledger_path), draw(publisher.samples), mode=0o600)
        write_atomically(contact_page_path(ledger_path), page(publisher.samples), mode=0o600)
    counts = publisher.written, publisher.already_there
    notes = (*survey.notes, *publisher.notes())
    return Marked(ledger, *counts, publisher.mean_quality(), notes, survey.skipped)


def _refuse_running(ledger_path: Path) -> None:
    raise RunningError(
        f"another call with --ledger {ledger_path} is running; wait until it ends, or give this "
        "one another --ledger and --out"
    )


def commitment_path(ledger_path: Path) -> Path:
    """Where the public commitment lies: beside the ledger."""
    return ledger_path.with_suffix(".commitment.json")


def contact_sheet_path(ledger_path: Path) -> Path:
    """Where the contact sheet lies: beside the ledger, and as secret."""
    return ledger_path.with_suffix(".sheet.png")


def contact_page_path(ledger_path: Path) -> Path:
    """Where the contact sheet lies as a page with sliders, as secret."""
    return ledger_path.with_suffix(".contact.html")


def write_commitment(ledger: FolderLedger, path: Path) -> None:
    """Write the public commitment, and an RFC 3161 query for it where openssl is at hand."""
    public = PublicCommitment.from_values(
        what=WHAT,
        commitment=ledger.commitment,
        pictures=len(ledger.seals),
        beacon=ledger.terms.beacon,
    )
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


def _survey(folder: Path, file_format: str, keep_location: bool, own_quality: bool) -> _Survey:
    """Every picture of a folder that can be read; all that cannot be marked are named at once."""
    found = kinds.find(folder)
    if not found.pictures:
        named = "".join(f"\n  {name}: {advice}" for name, advice in found.unread.items())
        raise ValueError(f"{folder}: no pictures ({', '.join(sorted(kinds.SUFFIXES))}){named}")
    targets = published_names(found.pictures, file_format)
    entries: list[Entry] = []
    failures: list[str] = []
    copied = file_format == pictures.RAW_FORMAT
    left_out: Counter[str] = Counter()
    located = 0
    notes = []
    if found.others:
        count, first = len(found.others), found.others[0]
        notes.append(f"{count} files that are no pictures are left alone (the first: {first})")
    surveyed = streamed(
        lambda name: _surveyed(folder / name, name, targets[name]),
        found.pictures,
        lambda name: pictures.size_of(folder / name),
    )
    for name, one in zip(found.pictures, surveyed, strict=True):
        if isinstance(one, str):
            failures.append(one)
            continue
        own = one.jpeg if own_quality and file_format == JPEG else None
        entries.append(one.entry.replace(jpeg=own))
        if not copied:
            notes += [f"{name}: {note}" for note in one.notes]
            left_out.update(one.kept.left_out)
        located += one.kept.has_location
    if failures:
        raise ValueError(
            f"{len(failures)} of {len(found.pictures)} pictures cannot be marked; move them "
            "elsewhere:\n  " + "\n  ".join(failures)
        )
    return _Survey(entries, (*notes, *_on_metadata(left_out, located, keep_location)), found.unread)


@dataclass(frozen=True)
class _Surveyed:
    """What is kept of a picture once its pixels were looked at."""

    entry: Entry
    kept: Metadata
    notes: tuple[str, ...]
    jpeg: JpegSettings | None


@dataclass(frozen=True)
class _Survey:
    """What a folder holds: entries, notes, and the pictures that cannot be read."""

    entries: list[Entry]
    notes: tuple[str, ...]
    skipped: dict[str, str]


def _surveyed(path: Path, name: str, target: str) -> _Surveyed | str:
    """What is to be kept of a picture, or why it cannot be marked."""
    try:
        picture = pictures.read(path)
        entry = _entry(name, picture.pixels, target)
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


def _entry(name: str, pixels: Tensor, target: str) -> Entry:
    one = pixels[None]
    return Entry.from_values(
        name=name,
        id=content_ids(one)[0],
        raw_sha256=raw_sha256(one)[0],
        label="",
        caption="",
        published=target,
        pixels=None,
    )


def published_names(names: Sequence[str], file_format: str) -> dict[str, str]:
    """Published name of each file; the old suffix stays in it where two would meet."""
    if file_format == pictures.RAW_FORMAT:
        return {name: name for name in names}
    suffix = {name: pictures.SUFFIX_OF[pictures.format_of(name, file_format)] for name in names}
    plain = {name: str(Path(name).with_suffix(suffix[name]).as_posix()) for name in names}
    taken = [target.lower() for target in plain.values()]
    return {
        name: target if taken.count(target.lower()) == 1 else name + suffix[name]
        for name, target in plain.items()
    }


def _load_or_draw(
    path: Path,
    entries: Sequence[Entry],
    draw_ledger: Callable[[Sequence[Entry]], FolderLedger],
    labelling: Labelling | None,
) -> FolderLedger:
    if not path.exists():
        ledger = draw_ledger(_labelled(entries, labelling or Labelling()))
        ledger.save(path)
        return ledger
    ledger = FolderLedger.load(path)
    _same_settings(path, ledger, draw_ledger(ledger.entries))
    before = {e.name: _bare(e) for e in ledger.entries}
    now = {e.name: e for e in entries}
    if before != now:
        changed = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
        raise ValueError(
            f"{path} belongs to other pictures or another format: {len(changed)} files differ "
            f"(the first: {changed[0]}). Mark new or changed pictures into another folder, with a "
            "ledger of their own"
        )
    if labelling is not None:
        _same_labels(path, ledger, _labelled(entries, labelling))
    return ledger


def _bare(entry: Entry) -> Entry:
    """An entry as it is found in a folder: without what is known of it otherwise."""
    return entry.replace(pixels=None, label="", caption="", group=None)


def _labelled(entries: Sequence[Entry], labelling: Labelling) -> list[Entry]:
    given = labelling.for_files([entry.name for entry in entries])
    return [
        entry.replace(label=given[entry.name][0], caption=given[entry.name][1]) for entry in entries
    ]


def _same_labels(path: Path, ledger: FolderLedger, asked: Sequence[Entry]) -> None:
    """Refuse other labels than those committed to: chosen later, they would choose the claims."""
    kept = {entry.name: entry for entry in ledger.entries}
    for now in asked:
        for key in ("label", "caption"):
            before, after = getattr(kept[now.name], key), getattr(now, key)
            if before != after:
                raise ValueError(
                    f"{path} commits to the {key} {before!r} of {now.name}, and this call asks for "
                    f"{after!r}. What was committed to stays: leave --labels and --captions out, "
                    "or mark the raw pictures anew, with another --ledger and --out"
                )


def _same_settings(path: Path, ledger: FolderLedger, asked: FolderLedger) -> None:
    """Refuse other settings than those of the first call, which would be ignored."""
    before, now = ledger.terms.plain(), asked.terms.plain()
    now["beacon"] = now["beacon"] or before["beacon"]
    for name in ("derivation", "spares_clear"):  # nobody asks for them: an old ledger keeps its own
        now[name] = before.get(name)
    for name in {**before, **now}:
        was, asks = before.get(name), now.get(name)
        if was != asks:
            raise ValueError(
                f"{path} was made with {name} {was}, and this call asks for {asks}. Give the "
                "options of the first call, or another --ledger and --out"
            )
    others = [a.name for a, b in zip(ledger.entries, asked.entries, strict=True) if a != b]
    if others:
        raise ValueError(
            f"--groups: {path} was made with other groups of {len(others)} pictures (the first: "
            f"{others[0]}), and they are committed to. Give those of the first call"
        )
