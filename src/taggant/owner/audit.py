"""Ask a model about the marked pictures, and write down what it scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taggant.auditing.engine import read
from taggant.auditing.published import AuditError, check_published
from taggant.marking.instances import Instances
from taggant.marking.publish import Published, published_versions
from taggant.marking.scheme import Scheme
from taggant.owner.batch import Batch
from taggant.owner.case import BLOCK, Case
from taggant.owner.gather import FoundPicture, imageset_of
from taggant.owner.journal import Journal
from taggant.owner.members import Questions
from taggant.owner.picture_file import PictureFiles, stacked
from taggant.owner.record import SCHEMA, MemberScore, Record, ScoredPicture
from taggant.owner.requests import Requests
from taggant.owner.scheme import as_marked, as_sent

Progress = Callable[[int, int, int], None]
"""Called after each group with (pictures done, queries paid so far, pictures)."""


def run(
    case: Case,
    raw: PictureFiles,
    found: Sequence[FoundPicture],
    out: Path,
    budget: int | None,
    progress: Progress,
) -> Record:
    """Audit; a call that was cut short goes on from ``OUT.journal`` without asking again.

    Parameters
    ----------
    case : Case
    raw : PictureFiles
        All raw pictures, withheld ones too.
    found : sequence of FoundPicture
        The published ones; none where no versions are asked.
    out : Path
    budget : int, optional
        Most queries, over all calls.
    progress : callable

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
        members = ask_members(case, raw, journal) if case.rule.by_withheld else ()
        scored = ask(case, raw, found, journal, progress) if case.rule.by_versions else []
        record = Record.from_values(
            schema=SCHEMA,
            facts=case.setup,
            scored=tuple(scored),
            members=members,
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
    before, now = record.facts.plain(), case.setup.plain()
    differ = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differ:
        raise ValueError(
            f"{out} is a finished audit of another {', '.join(differ)}; it is not overwritten. "
            "Give this one another --out"
        )
    return record


def ask(
    case: Case,
    raw: PictureFiles,
    found: Sequence[FoundPicture],
    journal: Journal,
    progress: Progress,
) -> list[ScoredPicture]:
    """Scores of every picture, read until its test stops; those sent in one shape go together."""
    requests = Requests(case.setup, journal.batch_size)
    scored: dict[str, ScoredPicture] = {}
    for group in case.groups(found, requests):
        journal.batch_size = requests.batch_of(group[0].raw_file.shape)
        scored |= {result.id: result for result in _ask_group(case, raw, group, journal)}
        progress(len(scored), journal.paid, len(found))
    journal.batch_size = requests.batch_size
    return [scored[one.entry.id] for one in found]


def ask_members(case: Case, raw: PictureFiles, journal: Journal) -> tuple[MemberScore, ...]:
    """Scores of whole pictures, published and withheld alike."""
    assert case.rule.asked is not None
    questions = Questions(
        case.model,
        journal,
        case.score,
        as_marked(case.ledger),
        case.setup,
        case.ledger,
        case.targets,
        case.rule.asked,
    )
    scores = questions.scores(raw)
    return tuple(MemberScore.from_values(id=i, score=scores[i]) for i in case.ledger.files)


def _ask_group(
    case: Case, raw: PictureFiles, group: Sequence[FoundPicture], journal: Journal
) -> list[ScoredPicture]:
    readings = read(
        journal,
        case.score,
        instances_of(case, raw, group),
        [case.boundary],
        block=BLOCK,
        targets=case.model.targets([case.targets[one.entry.id] for one in group]),
        scores=True,
    )
    if readings.fault is not None:
        raise AuditError(f"{readings.fault}. Another one needs another --out")
    assert readings.scores is not None
    return [
        ScoredPicture.from_values(
            id=one.entry.id,
            grid=readings.grid,
            scores=tuple(map(float, [scores[0], *scores[3 : 3 + reads]])),
            again=tuple(map(float, scores[1:3])),
        )
        for one, scores, reads in zip(group, readings.scores, readings.reads, strict=True)
    ]


def instances_of(case: Case, raw: PictureFiles, group: Sequence[FoundPicture]) -> Instances:
    """Pictures of a batch that are sent in one shape, as the engine takes them: as sent."""
    ledger, scheme = case.ledger.batch_of(group[0].entry.id), as_marked(case.ledger)
    if case.setup.as_published:
        return _instances(ledger, scheme, group)
    for one in group:  # as marked, at their own size; what follows only resembles it
        device = check_published(_instances(ledger, scheme, [one]))
    ids = tuple(one.entry.id for one in group)
    images = imageset_of(torch.stack([case.setup.sent(one.raw) for one in group]), ids)
    shown = as_sent(scheme, case.setup, raw)
    published = published_versions(shown, ledger, images, device)
    return Instances(images, shown, ledger, _published(ledger, published, ids))


def _instances(ledger: Batch, scheme: Scheme, group: Sequence[FoundPicture]) -> Instances:
    """Pictures of one shape, as they were marked and published."""
    ids = tuple(one.entry.id for one in group)
    marked = imageset_of(stacked([one.raw for one in group]), ids)
    images = stacked([one.published for one in group])
    return Instances(marked, scheme, ledger, _published(ledger, images, ids))


def _published(ledger: Batch, images: Tensor, ids: tuple[str, ...]) -> Published:
    used = np.ones(len(ids), bool)
    return Published(images, ids, used, ledger.commitment, ledger.made.build())
