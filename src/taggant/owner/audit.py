"""Ask a model about the marked pictures, and write down what it scored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taggant.auditing.engine import read
from taggant.auditing.published import AuditError, check_published
from taggant.marking.instances import Instances
from taggant.marking.publish import Published, published_versions
from taggant.owner.case import BLOCK, Case
from taggant.owner.gather import FoundPicture, imageset_of
from taggant.owner.journal import Journal
from taggant.owner.members import Questions
from taggant.owner.record import SCHEMA, MemberScore, Record, ScoredPicture
from taggant.owner.scheme import Transformed, as_marked

Progress = Callable[[int, int, int], None]
"""Called after each group with (pictures done, queries paid so far, pictures)."""


def run(
    case: Case,
    raw: Mapping[str, Tensor],
    found: Sequence[FoundPicture],
    out: Path,
    budget: int | None,
    progress: Progress,
) -> Record:
    """Audit; a call that was cut short goes on from ``OUT.journal`` without asking again.

    Parameters
    ----------
    case : Case
    raw : mapping of id to Tensor
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
        scored = ask(case, found, journal, progress) if case.rule.by_versions else []
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
    differ = [key for key in now if before[key] != now[key]]
    if differ:
        raise ValueError(
            f"{out} is a finished audit of another {', '.join(differ)}; it is not overwritten. "
            "Give this one another --out"
        )
    return record


def ask(
    case: Case, found: Sequence[FoundPicture], journal: Journal, progress: Progress
) -> list[ScoredPicture]:
    """Scores of every picture, read until its test stops; pictures of one shape go together."""
    groups: dict[tuple[int, ...], list[FoundPicture]] = defaultdict(list)
    for one in found:
        groups[tuple(one.raw.shape)].append(one)
    scored: dict[str, ScoredPicture] = {}
    for _, group in sorted(groups.items()):
        scored |= {result.id: result for result in _ask_group(case, group, journal)}
        progress(len(scored), journal.paid, len(found))
    return [scored[one.entry.id] for one in found]


def ask_members(case: Case, raw: Mapping[str, Tensor], journal: Journal) -> tuple[MemberScore, ...]:
    """Scores of whole pictures, published and withheld alike."""
    assert case.rule.asked is not None
    questions = Questions(
        case.model,
        journal,
        case.score,
        Transformed(as_marked(case.ledger), case.transform),
        case.ledger,
        case.targets,
        case.rule.asked,
    )
    scores = questions.scores(raw)
    return tuple(MemberScore.from_values(id=i, score=scores[i]) for i in case.ledger.files)


def _ask_group(case: Case, group: Sequence[FoundPicture], journal: Journal) -> list[ScoredPicture]:
    readings = read(
        journal,
        case.score,
        instances_of(case, group),
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


def instances_of(case: Case, group: Sequence[FoundPicture]) -> Instances:
    """Pictures of one shape, as the engine takes them."""
    ledger = case.ledger
    ids = tuple(one.entry.id for one in group)
    marked = imageset_of(torch.stack([one.raw for one in group]), ids)
    scheme = as_marked(ledger)
    as_published = Published(
        torch.stack([one.published for one in group]),
        ids,
        np.ones(len(ids), bool),
        ledger.commitment,
        ledger.made.build(),
    )
    instances = Instances(marked, scheme, ledger, as_published)
    if not case.transform:
        return instances
    device = check_published(instances)  # as marked; the copies only resemble what follows
    shown = Transformed(scheme, case.transform)
    images = published_versions(shown, ledger, marked, device)
    return Instances(marked, shown, ledger, replace(as_published, images=images))
