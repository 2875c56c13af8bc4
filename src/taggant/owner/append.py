"""What of a folder is new to a ledger, and what is a copy of a picture that was marked before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from taggant.marking.ledger import read_private
from taggant.owner.batch import Entry
from taggant.owner.ledger import FolderLedger, LedgerFile
from taggant.owner.likeness import copies
from taggant.owner.schema import LARGEST_FILE, OWN_FILES, parse

MARK, SKIP = "mark", "skip"
COPIES = (MARK, SKIP)
"""What may be done with copies; neither is done unasked."""
LISTED = 20
"""Lines of one kind."""
ONE_VERSION = (
    "Publish one marked version of a picture only: whoever has two can find the marks by comparing "
    "them"
)


def new_pictures(
    entries: Sequence[Entry], ledger: FolderLedger, wish: str = ""
) -> tuple[list[Entry], tuple[str, ...]]:
    """The entries of pictures that are in no batch yet, and notes on the others.

    Parameters
    ----------
    entries : sequence of Entry
        As they are found in a folder.
    ledger : FolderLedger
    wish : str
        What is done with copies: one of `COPIES`; empty: they are asked about.

    Raises
    ------
    ValueError
        If some look like copies of pictures that were marked before, and nothing was wished.
    """
    notes = list(_marked_before([one for one in entries if one.id in ledger.files], ledger))
    new = [one for one in entries if one.id not in ledger.files]
    alike = _copies(new, ledger.entries)
    if alike and not wish:
        raise ValueError(_question(alike))
    for name, original in alike.items():
        done = "marked as a picture of its own" if wish == MARK else "left out"
        notes.append(f"{name}: looks like {original.name}, which was marked before; {done}")
    if alike and wish == MARK:
        notes.append(f"warning: {len(alike)} of these pictures look like others. {ONE_VERSION}")
    if wish == SKIP:
        new = [one for one in new if one.name not in alike]
    blind = sum(one.likeness is None for one in ledger.files.values())
    if blind and new:
        notes.append(
            f"{blind} pictures were marked by a version of taggant that did not note what they "
            "look like: their resized or recompressed copies are not noticed"
        )
    return new, tuple(notes)


def in_other_ledgers(path: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Notes on pictures that a ledger beside this one, with the same suffix, holds already."""
    for other in sorted(path.parent.glob(f"*{path.suffix}")):
        if other == path or other.suffix != path.suffix or not other.is_file():
            continue
        if other.stat().st_size > LARGEST_FILE * OWN_FILES:
            continue
        try:
            stored = parse(LedgerFile, read_private(other))
        except (ValueError, OSError):  # no ledger, or nobody's business
            continue
        known = [one for batch in (stored, *stored.further) for one in batch.entries]
        ids = {one.id for one in known}
        found = {one.name for one in entries if one.id in ids}
        found |= _copies([one for one in entries if one.id not in ids], known).keys()
        if found:
            yield (
                f"warning: {len(found)} of these pictures (the first: {min(found)}) are in the "
                f"ledger {other} already, as they are or as a copy. {ONE_VERSION}"
            )


def _copies(new: Sequence[Entry], known: Sequence[Entry]) -> Mapping[str, Entry]:
    """Names of the new ones that look like a known one, and that one."""
    seen = [one for one in new if one.likeness is not None]
    others = [one for one in known if one.likeness is not None]
    found = copies([str(one.likeness) for one in seen], [str(one.likeness) for one in others])
    return {one.name: others[k] for one, k in zip(seen, found, strict=True) if k is not None}


def _marked_before(entries: Sequence[Entry], ledger: FolderLedger) -> Iterator[str]:
    """Notes on pictures that are left alone; of very many under their old names a count."""
    same = [one for one in entries if ledger.files[one.id].name == one.name]
    if len(same) > LISTED:
        yield f"{len(same)} pictures (the first: {same[0].name}) were marked before, left alone"
    for one in entries:
        before, number = ledger.files[one.id].name, ledger.number_of[one.id]
        if before != one.name:
            yield f"{one.name}: marked before (batch {number} as {before}), left alone"
        elif len(same) <= LISTED:
            yield f"{one.name}: marked before (batch {number}), left alone"


def _question(alike: Mapping[str, Entry]) -> str:
    lines = [f"{name} looks like {one.name}" for name, one in list(alike.items())[:LISTED]]
    lines += ["..."] if len(alike) > LISTED else []
    return (
        f"{len(alike)} pictures look like copies (resized, compressed anew, or the next shot) of "
        "pictures that were marked before. Give --copies skip to leave them out, or --copies mark "
        "to mark them as pictures of their own:\n  " + "\n  ".join(lines)
    )
