"""Ask a model about the marked pictures, and write down what it scored."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.audit.controls import CONTROLS, PERIOD, most_controls
from taggant.audit.engine import PATIENCE, read
from taggant.audit.published import AuditError, check_published
from taggant.data.imageset import ImageSet, content_ids
from taggant.marking.instances import Instances
from taggant.marking.ledger import Ledger
from taggant.marking.publish import Published
from taggant.owner import pictures
from taggant.owner.journal import Journal
from taggant.owner.ledger import Entry, FolderLedger
from taggant.owner.models import Model
from taggant.owner.parts.score import ScoreForm
from taggant.owner.record import SCHEMA, Asked, Facts, Record, Scored, Targets
from taggant.owner.rule import EXPECTED_USED, Rule
from taggant.owner.seals import PerPicture, canonical
from taggant.owner.transform import CLOSE_ENOUGH, Transform, Transformed, closeness
from taggant.score import Score
from taggant.stats import NULL, Boundary

BLOCK = 8
"""Hidden versions of a picture asked at once; some of the last ones are asked in vain."""

Progress = Callable[[int, int, int], None]
"""Called after each group with (pictures done, queries paid so far, pictures)."""


@dataclass(frozen=True)
class Found:
    """A picture with everything an audit needs of it.

    Attributes
    ----------
    entry : Entry
    raw : Tensor, uint8 [C, H, W]
    published : Tensor, uint8 [C, H, W]
        As it was published, before any platform.
    """

    entry: Entry
    raw: Tensor
    published: Tensor


@dataclass(frozen=True)
class Cost:
    """What an audit will ask, control queries and those asked in vain included.

    Attributes
    ----------
    unused, used : float
        Mean queries if no picture was used, and if all were (as strongly as the test is made for).
    most : int
        Never more than this.
    """

    unused: float
    used: float
    most: int


@dataclass(frozen=True)
class Case:
    """One audit, fixed before its first query.

    Attributes
    ----------
    ledger : FolderLedger
    model : Model
    form : ScoreForm
        The score, in short.
    rule : Rule
    transform : Transform
        What a platform did to the published files.
    classes : tuple of str
        The model's, in its order.
    """

    ledger: FolderLedger
    model: Model
    form: ScoreForm
    rule: Rule
    transform: Transform
    classes: tuple[str, ...]

    @cached_property
    def boundary(self) -> Boundary:
        """The test of one picture."""
        return self.rule.boundary(self.ledger.terms.n)

    @cached_property
    def score(self) -> Score:
        """The score."""
        return self.form.build()

    @cached_property
    def facts(self) -> Facts:
        """What is fixed; enters the certificate and the journal's key. Labels and captions are
        under the commitment."""
        model = Asked.of(
            spec=self.model.spec,
            fingerprint=self.model.fingerprint,
            answers=self.model.answers,
            classes=self.classes if self.form.statistic.needs == "label" else (),
        )
        return Facts.of(
            commitment=self.ledger.commitment,
            model=model,
            score=self.form,
            rule=self.rule,
            transform=self.transform,
        )

    @cached_property
    def targets(self) -> dict[str, int | str]:
        """What each picture's answers are compared with, by id."""
        targets = Targets(self.facts)
        return {i: targets.of(entry) for i, entry in self.ledger.files.items()}

    def check(self) -> None:
        """Refuse what cannot be asked, before anything is.

        Raises
        ------
        ValueError
            If the model does not answer what the score reads, or a picture has no label.
        """
        check_score(self.score, self.model)
        self.targets  # noqa: B018 - made here, so that a missing label is told before any question

    @property
    def key(self) -> str:
        """What a journal's answers belong to; under the owner's key, as a URL may hold keys."""
        asked = hmac.digest(self.ledger.key, self.model.address.encode(), "sha256").hex()
        return hashlib.sha256(canonical([self.facts.plain(), asked])).hexdigest()


def estimate(case: Case, found: Sequence[Found], batch_size: int) -> Cost:
    """What an audit of these pictures costs.

    Beside the hidden versions, the published one is asked first and last, the engine's probe asks
    a batch of each shape two and a half times, and the controls come back in between and at the
    end. Of a model whose answers are noisy the probe asks a few more, and published versions are
    asked more often.
    """
    states, hidden = case.boundary.states, case.boundary.n - 1
    groups = list(Counter(one.raw.shape for one in found).values())
    asked = np.minimum(-(-states.t // BLOCK) * BLOCK, hidden)
    unused, used = (float(states.mass(law) @ asked) for law in (NULL, EXPECTED_USED))

    def images(read: float, moved: int = 0) -> float:
        asked = read + moved * BLOCK, 2 + moved
        return sum(_images_asked(size, *asked, case.score.views, batch_size) for size in groups)

    return Cost(images(unused), images(used), int(images(hidden, PATIENCE)))


def _images_asked(count: int, hidden: float, own: int, views: int, batch_size: int) -> float:
    """Most images asked for so many pictures of one shape, of each so many hidden versions and
    so often the published one."""
    probe = min(max(1, batch_size // views), count)
    probes = [probe, CONTROLS] if probe < CONTROLS else [probe]
    versions = count * (own + hidden)
    controls = most_controls(PERIOD * batch_size, math.ceil(views * versions))
    return views * (versions + controls + sum(2 * k + k // 2 + 1 for k in probes))


# --- the owner's files -------------------------------------------------------------------------


def gather(ledger: FolderLedger, raw: Path, published: Path) -> list[Found]:
    """Raw and published pictures of a ledger, found by content wherever they were moved to.

    Raises
    ------
    ValueError
        Naming what is missing from which folder, and what was edited.
    """
    raw_by_id = _raw_by_id(raw, ledger)
    found: dict[str, Found] = {}
    edited: list[str] = []
    shown = _Published(published)
    for entry in ledger.entries:
        if entry.id in found:
            continue
        pixels = shown.find(entry)
        if pixels is None:
            edited.append(entry.published)
            continue
        found[entry.id] = Found(entry, raw_by_id[entry.id], pixels)
    if edited:
        raise ValueError(
            f"{len(edited)} published files in {published} are missing or were edited since they "
            f"were marked (the first: {edited[0]}). Put the files of `taggant mark` back (the same "
            "command makes missing ones again), or, if a platform re-encoded them, give "
            "--published the files as marked and --published-copy the platform's"
        )
    return [found[image_id] for image_id in sorted(found)]


def _raw_by_id(folder: Path, ledger: FolderLedger) -> dict[str, Tensor]:
    wanted = {entry.id: entry for entry in ledger.entries}
    names, _ = pictures.find(folder)
    found: dict[str, Tensor] = {}
    for name in names:
        try:
            pixels = pictures.read(folder / name).pixels
        except pictures.PictureError:
            continue  # not one of those that were marked: they were readable then
        image_id = content_ids(pixels[None])[0]
        if image_id in wanted:
            found[image_id] = pixels
    missing = [entry.name for image_id, entry in wanted.items() if image_id not in found]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(wanted)} raw pictures are not in {folder} (the first: "
            f"{missing[0]}): moved away or edited. They are found by content under any name; give "
            "the folder that holds them with --raw"
        )
    return found


class _Published:
    """Published files by name; where one is not there, by content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.others: dict[str, Tensor] | None = None

    def find(self, entry: Entry) -> Tensor | None:
        path = self.folder / entry.published
        if path.exists():
            try:
                pixels = pictures.read(path).pixels
            except pictures.PictureError:
                return None
            return pixels if pictures.digest(pixels) == entry.pixels else None
        if self.others is None:
            self.others = self._scan()
        return None if entry.pixels is None else self.others.get(entry.pixels)

    def _scan(self) -> dict[str, Tensor]:
        found = {}
        for name in pictures.find(self.folder)[0]:
            try:
                pixels = pictures.read(self.folder / name).pixels
            except pictures.PictureError:
                continue
            found[pictures.digest(pixels)] = pixels
        return found


def copies_of(found: Sequence[Found], folder: Path) -> list[Path]:
    """A platform's copy of each published file: the same name but for the suffix.

    Raises
    ------
    ValueError
        If some are not there.
    """
    names, _ = pictures.find(folder)
    by_stem = {str(Path(name).with_suffix("")): folder / name for name in names}
    stems = [str(Path(one.entry.published).with_suffix("")) for one in found]
    missing = [stem for stem in stems if stem not in by_stem]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(stems)} published pictures have no copy in {folder} (the "
            f"first: {missing[0]}): copies keep the published files' names"
        )
    return [by_stem[stem] for stem in stems]


def check_copies(found: Sequence[Found], copies: Sequence[Path], transform: Transform) -> None:
    """Refuse a transform that does not explain the platform's copies.

    Hidden versions go through the same transform as the published one, so the error rate holds
    whatever it is; but if it is another one than the platform's, what the model saw is not asked.

    Raises
    ------
    AuditError
        If a copy is farther from what the transform makes than re-encoding explains.
    """
    for one, path in zip(found, copies, strict=True):
        psnr = closeness(pictures.read(path).pixels, transform(one.published))
        if psnr < CLOSE_ENOUGH:
            raise AuditError(
                f"{path}: {str(transform) or 'no transform'} does not explain this copy (PSNR "
                f"{psnr:.1f} dB, at least {CLOSE_ENOUGH:g} needed): it was cropped, filtered or "
                "resized otherwise. Hidden versions cannot be treated as it was; the audit refuses"
            )


# --- asking ------------------------------------------------------------------------------------


def ask(case: Case, found: Sequence[Found], journal: Journal, told: Progress) -> list[Scored]:
    """Scores of every picture, read until its test stops; pictures of one shape go together."""
    groups: dict[tuple[int, ...], list[Found]] = defaultdict(list)
    for one in found:
        groups[tuple(one.raw.shape)].append(one)
    scored: dict[str, Scored] = {}
    for _, group in sorted(groups.items()):
        scored |= {result.id: result for result in _ask_group(case, group, journal)}
        told(len(scored), journal.paid, len(found))
    return [scored[one.entry.id] for one in found]


def _ask_group(case: Case, group: Sequence[Found], journal: Journal) -> list[Scored]:
    readings = read(
        journal,  # type: ignore[arg-type]
        case.score,
        instances_of(case, group),
        [case.boundary],
        block=BLOCK,
        targets=case.model.targets([case.targets[one.entry.id] for one in group]),
        keep_scores=True,
    )
    if readings.fault is not None:
        raise AuditError(f"{readings.fault}. Another one needs another --out")
    assert readings.scores is not None
    return [
        Scored.of(
            id=one.entry.id,
            grid=readings.grid,
            scores=tuple(map(float, [scores[0], *scores[3 : 3 + depth]])),
            again=tuple(map(float, scores[1:3])),
        )
        for one, scores, depth in zip(group, readings.scores, readings.depth, strict=True)
    ]


def instances_of(case: Case, group: Sequence[Found]) -> Instances:
    """Pictures of one shape, as the engine takes them."""
    ledger = case.ledger
    raw = torch.stack([one.raw for one in group])
    ids = tuple(one.entry.id for one in group)
    secrets = {i: ledger.pictures[i].secret for i in ids}
    marked = ImageSet(
        images=raw,
        ids=ids,
        labels=None,
        captions=None,
        name="marked pictures",
        class_names=(),
        mean=(0.5,) * raw.shape[1],
        std=(0.25,) * raw.shape[1],
    )
    drawn = Ledger(
        scheme=ledger.terms.scheme,
        secret=b"",  # each picture has its own
        nonce=b"",
        n=ledger.terms.n,
        ids=ids,
        raw_sha256=tuple(one.entry.raw_sha256 for one in group),
        published=tuple(ledger.index(i) for i in ids),
    )
    step = _output_format(ledger)
    scheme = Transformed(PerPicture(ledger.scheme, secrets), step)
    as_published = Published(
        torch.stack([one.published for one in group]),
        ids,
        np.ones(len(ids), bool),
        ledger.commitment,
        ledger.made.build(),
    )
    apart = {i: ledger.draws(i) for i in ids}
    instances = Instances(marked, scheme, drawn, as_published, apart)
    if not case.transform:
        return instances
    device = check_published(instances)  # as marked; the copies only resemble what follows
    shown = Transformed(scheme, case.transform)
    index = np.array(drawn.published)[:, None]
    images = device.versions(shown, b"", raw, ids, index)[:, 0]
    return Instances(marked, shown, drawn, replace(as_published, images=images), apart)


def _output_format(ledger: FolderLedger) -> Transform:
    """What publishing itself does to versions: nothing, or JPEG."""
    return Transform(quality=ledger.terms.quality) if ledger.terms.format == "jpeg" else Transform()


# --- the whole audit ---------------------------------------------------------------------------


def run(
    case: Case, found: Sequence[Found], out: Path, budget: int | None, told: Progress
) -> Record:
    """Audit; a call that was cut short goes on from ``OUT.journal`` without asking again.

    Raises
    ------
    ValueError
        If `out` is a finished audit of anything else: it stays as it is.
    """
    oracle = case.model.oracle(case.score.access)
    case.check()
    out.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(oracle, journal_path(out), case.key, budget)
    try:
        done = finished(case, out)
        if done is not None:
            return done
        scored = ask(case, found, journal, told)
        record = Record.of(
            schema=SCHEMA,
            facts=case.facts,
            scored=tuple(scored),
            paid=journal.paid,
            attempts=int(getattr(oracle, "attempts", journal.queries)),
        )
        record.save(out)
    finally:
        journal.close()
    return record


def journal_path(out: Path) -> Path:
    """Where an audit's answers are kept."""
    return out.with_name(out.name + ".journal")


def finished(case: Case, out: Path) -> Record | None:
    """The audit that `out` holds, if it holds one.

    Raises
    ------
    ValueError
        If it is another one. What was found once is never written over: whoever did would choose
        among the outcomes.
    """
    if not out.exists():
        return None
    record = Record.load(out)
    before, now = record.facts.plain(), case.facts.plain()
    differ = [key for key in now if before[key] != now[key]]
    if differ:
        raise ValueError(
            f"{out} is a finished audit of another {', '.join(differ)}; it is not overwritten. "
            "Give this one another --out"
        )
    return record


def check_score(score: Score, model: Model) -> None:
    """Refuse a score that this model's answers do not allow.

    Raises
    ------
    ValueError
        If so, or if the score needs public pictures beside the owner's.
    """
    score.check(model)
    if hasattr(score.statistic, "prepare"):
        raise ValueError(
            "this score compares with public pictures, which an owner's audit does not have: "
            "choose another --score"
        )


def bits_and_depth(
    rows: Sequence[NDArray[np.bool_]],
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Ragged exceedance bits as a padded array and its depths."""
    depth = np.array([len(row) for row in rows], np.int64)
    bits = np.zeros((len(rows), int(depth.max())), bool)
    for number, row in enumerate(rows):
        bits[number, : len(row)] = row
    return bits, depth
