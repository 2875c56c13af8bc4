"""What a ledger holds, and what lies beside it: commitments, timestamps and audits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from taggant.extras import has
from taggant.owner.audit import journal_path
from taggant.owner.certify import certificate
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import commitment_path, timestamp_path
from taggant.owner.page import by_chance
from taggant.owner.record import Record
from taggant.owner.schema import LARGEST_FILE, OWN_FILES, to_json
from taggant.owner.timestamp import TimestampError, stated_time

KIND = b'"schema": "taggant audit '
"""What every audit holds."""


def of_ledger(path: Path) -> Iterator[str]:
    """Lines on a ledger's batches and their audits.

    Raises
    ------
    ValueError, OSError
        As `FolderLedger.load`.
    """
    ledger = FolderLedger.load(path)
    count = len(ledger.batches)
    yield (
        f"{path}: {len(ledger.files)} pictures in {count} {'batch' if count == 1 else 'batches'}, "
        f"{ledger.terms.n} versions of each"
    )
    for number in range(1, count + 1):
        yield from _of_batch(path, ledger, number)
    records = dict(_records(path, ledger))
    yield f"Audits beside it: {len(records) or 'none'}"
    for file, record in records.items():
        yield f"  {file.name}: {_of_record(ledger, record)}"
    for journal in sorted(path.parent.glob(journal_path(Path("*")).name)):
        if journal.with_suffix("") not in records:
            yield f"  {journal.name}: an audit that was not ended; the same command goes on"


def belonging(path: Path) -> list[Path]:
    """Files beside a ledger that belong to it: commitments, timestamps and audits."""
    ledger = FolderLedger.load(path)
    found = [
        of(path, number)
        for number in range(1, len(ledger.batches) + 1)
        for of in (commitment_path, timestamp_path)
    ]
    found += [file for file, _ in _records(path, ledger)]
    return [file for file in found if file.exists()]


def _of_batch(path: Path, ledger: FolderLedger, number: int) -> Iterator[str]:
    batch = ledger.batches[number - 1]
    if batch.awaits_beacon:
        state = f"nothing published yet: {batch.terms.beacon} is awaited (--beacon-value)"
    elif batch.unpublished:
        state = f"{len(batch.unpublished)} files not written yet: give its call again"
    else:
        shown = len(batch.shown)
        held = f", {len(batch.files) - shown} withheld" if len(batch.files) > shown else ""
        state = f"{shown} published{held}"
    yield f"Batch {number}: {len(batch.files)} pictures, {state}"
    public = commitment_path(path, number)
    content = to_json(batch.public)
    there = public.exists() and public.read_bytes() == content
    yield f"  commitment {batch.commitment} ({public.name}{'' if there else ': not there'})"
    yield f"  timestamp: {_of_timestamp(timestamp_path(path, number), content)}"


def _of_timestamp(reply: Path, content: bytes) -> str:
    if not reply.exists():
        return f"none ({reply.name} is not there; `taggant mark --timestamp URL` asks for it)"
    if not has("rfc3161_client"):
        return f"{reply.name}, not read: pip install 'taggant[evidence]'"
    try:
        time = stated_time(reply.read_bytes(), content)
    except TimestampError as error:
        return f"{reply.name} is none of this commitment: {error}"
    return f"{reply.name} says {time.isoformat()}; `taggant verify --authority` checks who says so"


def _records(path: Path, ledger: FolderLedger) -> Iterator[tuple[Path, Record]]:
    """Audits of batches of this ledger."""
    for file in sorted(path.parent.glob("*.json")):
        if not file.is_file() or file.stat().st_size > LARGEST_FILE * OWN_FILES:
            continue
        content = file.read_bytes()
        if KIND not in content:
            continue
        try:
            record = Record.load(file)
        except ValueError:  # damaged, or of another version
            continue
        if ledger.audited_by(record.ids).commitment == record.facts.commitment:
            yield file, record


def _of_record(ledger: FolderLedger, record: Record) -> str:
    own = ledger.audited_by(record.ids)
    made = certificate(ledger, record)
    claims = sum(one.claim for one in made.pictures)
    numbers = sorted({ledger.number_of[i] for i in own.files})
    of_batches = "" if len(ledger.batches) == 1 else f"batches {', '.join(map(str, numbers))}; "
    return (
        f"{of_batches}{made.model.spec}: {claims} of {made.published} pictures claimed; "
        f"{by_chance(made)}; {made.queries} queries"
    )
