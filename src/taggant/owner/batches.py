"""Which batches a call of `taggant mark` begins, goes on with, or appends to a ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from taggant.owner import drand, pictures
from taggant.owner.append import in_other_ledgers, new_pictures
from taggant.owner.batch import Batch, Entry
from taggant.owner.commitments import Terms
from taggant.owner.labels import Labelling
from taggant.owner.ledger import FolderLedger

OWN_NAMES = (pictures.KEEP_FORMAT, pictures.RAW_FORMAT)
"""Formats in which published names may differ in the suffix alone, as raw ones do."""
Draw = Callable[[Sequence[Entry]], Batch]
"""Makes a new batch of entries."""
Begun = tuple[FolderLedger, tuple[int, ...], tuple[str, ...]]
"""The ledger as it is saved, the batches whose files are to be written, and notes."""


@dataclass(frozen=True)
class Call:
    """What is asked of a ledger.

    Attributes
    ----------
    path : Path
        Of the ledger.
    entries : sequence of Entry
        What the folder holds; their published names are still to be given.
    draw_batch : callable
        Makes a new batch of entries.
    file_format : str
    labelling : Labelling or None
        Where labels and captions come from, if that was said.
    beacon_value : str
        What a beacon said; empty if it was not given.
    copies : str
        What is done with copies of pictures that were marked before.
    """

    path: Path
    entries: Sequence[Entry]
    draw_batch: Draw
    file_format: str
    labelling: Labelling | None
    beacon_value: str
    copies: str

    def begin_or_go_on(self) -> Begun:
        """A ledger of one batch, or one whose batches are what the folder holds.

        Raises
        ------
        ValueError
            If they are of other pictures, or were made with other settings.
        """
        if not self.path.exists():
            notes = tuple(in_other_ledgers(self.path, self.entries))
            ledger = FolderLedger((self._drawn(self.entries, FolderLedger(())),))
            ledger.save(self.path)
            return self._with_value(ledger, (1,), notes)
        ledger = FolderLedger.load(self.path)
        numbers = self._batches_here(ledger)
        self._same_files(ledger, numbers or range(1, len(ledger.batches) + 1))
        for number in numbers:
            self._same_settings(ledger.batches[number - 1], any_beacon=len(numbers) > 1)
        return self._with_value(ledger, numbers, ())

    def append(self) -> Begun:
        """The ledger with a batch of the pictures that it did not hold, if there are any.

        Batches that an earlier call did not finish are gone on with.

        Raises
        ------
        FileNotFoundError
            If there is no ledger: a mistyped name must begin none.
        ValueError
            If copies are among them that were not decided upon, or the settings are others.
        """
        if not self.path.exists():
            raise FileNotFoundError(
                f"--append: there is no ledger {self.path} to append to; the first batch is made "
                "without --append"
            )
        ledger = FolderLedger.load(self.path)
        new, notes = new_pictures(self.entries, ledger, self.copies)
        if new and self.beacon_value:
            notes += (
                f"{len(new)} pictures are new (the first: {new[0].name}), and not marked by this "
                "call: their beacon has to be named before it speaks. Give --append without "
                "--beacon-value",
            )
        elif new:
            batch = self._drawn(new, ledger)
            _same_terms(self.path, ledger.terms, batch.terms, any_beacon=True)
            notes += tuple(in_other_ledgers(self.path, new))
            ledger = FolderLedger((*ledger.batches, batch))
            ledger.save(self.path)
        return self._with_value(ledger, *self._unfinished(ledger, notes))

    def _drawn(self, entries: Sequence[Entry], before: FolderLedger) -> Batch:
        labelled = _labelled(entries, self.labelling or Labelling())
        number = len(before.batches) + 1
        batch = self.draw_batch(_named(labelled, self.file_format, before.entries, number))
        drand.refuse_known(batch.terms.beacon)
        if before.batches:  # transparent pixels are marked in all batches alike
            terms = batch.terms.replace(spares_clear=before.terms.spares_clear)
            batch = replace(batch, terms=terms)
        return batch

    def _unfinished(
        self, ledger: FolderLedger, notes: tuple[str, ...]
    ) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Batches whose files are still to be written, as far as the folder holds them."""
        here = self._batches_here(ledger)
        numbers = []
        for number, batch in enumerate(ledger.batches, 1):
            if not batch.awaits_beacon and not batch.unpublished:
                continue
            if number in here:
                self._same_files(ledger, (number,), whole=False)
                self._same_settings(batch, any_beacon=True)
                numbers.append(number)
            else:
                notes += (
                    f"batch {number} is not published yet, and its pictures are not all in this "
                    "folder: give the call that began it again",
                )
        return tuple(numbers), notes

    @cached_property
    def _found(self) -> dict[str, Entry]:
        return {one.name: one.found for one in self.entries}

    def _batches_here(self, ledger: FolderLedger) -> tuple[int, ...]:
        """The batches all of whose files are in the folder."""
        return tuple(
            number
            for number, batch in enumerate(ledger.batches, 1)
            if all(
                one.name in self._found and self._found[one.name].id == one.id
                for one in batch.entries
            )
        )

    def _same_files(self, ledger: FolderLedger, numbers: Iterable[int], whole: bool = True) -> None:
        """Refuse other files than those of some batches; files more only if they are the whole."""
        before: dict[str, Entry] = {}
        now = dict(self._found) if whole else {}
        for number in numbers:
            own = ledger.batches[number - 1].entries
            before |= {one.name: one.found for one in own}
            there = [self._found[one.name] for one in own if one.name in self._found]
            earlier = [one for batch in ledger.batches[: number - 1] for one in batch.entries]
            named = _named(there, self.file_format, earlier, number)
            now |= {one.name: one for one in named}
        if before != now:
            changed = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
            raise ValueError(
                f"{self.path} belongs to other pictures or another format: {len(changed)} files "
                f"differ (the first: {changed[0]}). Mark new pictures with --append, and changed "
                "ones in another folder, with a ledger of their own"
            )

    def _with_value(
        self, ledger: FolderLedger, numbers: tuple[int, ...], notes: tuple[str, ...]
    ) -> Begun:
        """Once their beacon has spoken; of several only that one which the call names."""
        if not self.beacon_value:
            return ledger, numbers, notes
        if not numbers:
            raise ValueError("--beacon-value: no batch of this folder awaits a beacon's value")
        asked = self.draw_batch(ledger.batches[0].entries).terms.beacon
        beacons = {k: ledger.batches[k - 1].terms.beacon for k in numbers}
        named = [k for k in numbers if beacons[k] == asked or (not asked and beacons[k])]
        if len({beacons[k] for k in named}) > 1:
            raise ValueError(
                f"--beacon-value: batches {', '.join(map(str, named))} await different beacons; "
                "name the one that said this with --beacon"
            )
        if asked and not named:
            raise ValueError(f"--beacon {asked}: no batch of this folder awaits its value")
        for number in named or numbers[:1]:
            batch = ledger.batches[number - 1].with_value(self.beacon_value)
            ledger = ledger.with_batch(number, batch)
        ledger.save(self.path)
        return ledger, numbers, notes

    def _same_settings(self, batch: Batch, any_beacon: bool) -> None:
        """Refuse other settings than those of the call that made a batch: they would be ignored.

        Other labels than those committed to, too: chosen later, they would choose the claims.
        """
        asked = self.draw_batch(batch.entries)
        _same_terms(self.path, batch.terms, asked.terms, any_beacon)
        pairs = zip(batch.entries, asked.entries, strict=True)
        others = [one.name for one, now in pairs if one != now]
        if others:
            raise ValueError(
                f"--groups: {self.path} was made with other groups of {len(others)} pictures (the "
                f"first: {others[0]}), and they are committed to. Give those of the first call"
            )
        if self.labelling is not None:
            for one, now in zip(
                batch.entries, _labelled(batch.entries, self.labelling), strict=True
            ):
                _same_words(self.path, one, now)


def _same_terms(path: Path, before: Terms, now: Terms, any_beacon: bool) -> None:
    """Refuse other terms than those before. Nobody asks for a derivation or for how transparent
    pixels are marked: an old ledger keeps its own."""
    if any_beacon or not now.beacon:
        now = now.replace(beacon=before.beacon)
    now = now.replace(derivation=before.derivation, spares_clear=before.spares_clear)
    was, asks = before.plain(), now.plain()
    for name in {**was, **asks}:
        if was.get(name) != asks.get(name):
            raise ValueError(
                f"{path} was made with {name} {was.get(name)}, and this call asks for "
                f"{asks.get(name)}. Give the options of the first call, or another --ledger and "
                "--out"
            )


def _same_words(path: Path, before: Entry, now: Entry) -> None:
    for key in ("label", "caption"):
        was, asks = getattr(before, key), getattr(now, key)
        if was != asks:
            raise ValueError(
                f"{path} commits to the {key} {was!r} of {before.name}, and this call asks for "
                f"{asks!r}. What was committed to stays: leave --labels and --captions out, or "
                "mark the raw pictures anew, with another --ledger and --out"
            )


def _labelled(entries: Sequence[Entry], labelling: Labelling) -> list[Entry]:
    given = labelling.for_files([entry.name for entry in entries])
    return [
        entry.replace(label=given[entry.name][0], caption=given[entry.name][1]) for entry in entries
    ]


def _named(
    entries: Sequence[Entry], file_format: str, earlier: Iterable[Entry], number: int
) -> list[Entry]:
    """The entries of a batch with their published names, which no earlier batch has."""
    taken = {one.published.lower() for one in earlier}
    formats = {one.name: one.format or file_format for one in entries}
    names = published_names(formats, taken, number)
    return [one.replace(published=names[one.name]) for one in entries]


def published_names(
    formats: Mapping[str, str], taken: Collection[str] = (), number: int = 2
) -> dict[str, str]:
    """Published name of each file; the old suffix stays in it where two would meet.

    In a format that was asked for, those meet that differ in the suffix alone (a transparent
    picture's among JPEG files): a platform's copies of both would have one name.

    Parameters
    ----------
    formats : mapping of str to str
        Names of the raw files, and in which format each is published.
    taken : collection of str
        Published names of earlier batches, in lower case.
    number : int
        Of the batch; it enters a name that would meet one of those.
    """
    suffix = {name: _suffix(name, wanted) for name, wanted in formats.items()}
    short = {
        name: Path(name).with_suffix(own).as_posix() if own else name
        for name, own in suffix.items()
    }
    met = {
        name: target if formats[name] in OWN_NAMES else target.removesuffix(suffix[name])
        for name, target in short.items()
    }
    same = Counter(target.lower() for target in met.values())
    plain = {
        name: target if same[met[name].lower()] == 1 else name + suffix[name]
        for name, target in short.items()
    }
    used = {*taken, *(target.lower() for target in plain.values() if target.lower() not in taken)}
    return {
        name: _free(target, number, used) if target.lower() in taken else target
        for name, target in plain.items()
    }


def _suffix(name: str, wanted: str) -> str:
    """Of the published file; nothing where the raw one's name stays."""
    if wanted == pictures.RAW_FORMAT:
        return ""
    return pictures.SUFFIX_OF[pictures.format_of(name, wanted)]


def _free(target: str, number: int, used: set[str]) -> str:
    path = Path(target)
    while True:
        made = path.with_name(f"{path.stem}-{number}{path.suffix}").as_posix()
        if made.lower() not in used:
            used.add(made.lower())
            return made
        number += 1
