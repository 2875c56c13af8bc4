"""Put together what an audit proves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggant import __version__
from taggant.files import write_atomically
from taggant.owner.batch import Batch
from taggant.owner.certificate import (
    SCHEMA,
    Certificate,
    FurtherBatch,
    Member,
    OpenedPicture,
    Opening,
    PictureResult,
    digest_of,
    packed,
)
from taggant.owner.commitments import PictureDescription
from taggant.owner.controlled import Evidence, judge, size_of
from taggant.owner.decision import DecisionRule, Verdict
from taggant.owner.ledger import FolderLedger
from taggant.owner.page import page
from taggant.owner.record import PictureScores, Record
from taggant.owner.schema import to_json
from taggant.store.identity import library_versions

NOTHING_READ = np.zeros((2, 0), bool)


def certificate(ledger: FolderLedger, record: Record, everything: bool = False) -> Certificate:
    """Put together what an audit proves.

    Parameters
    ----------
    ledger, record
        The owner's. Of the ledger those batches are taken that the record is of.
    everything : bool
        Open every picture, not only those claimed: then others can check the p-value of the set.

    Raises
    ------
    ValueError
        If the audit is of other pictures.
    """
    facts = record.facts
    ledger = ledger.audited_by(record.ids)
    _check(ledger, record)
    found = evidence(ledger, record)
    verdict = judge(facts.rule, ledger.terms.n, found)
    shown = set(range(len(found.rows)) if everything else to_open(facts.rule, verdict, found))
    compared = {number for number, row in enumerate(found.rows) if row.shape[1]}
    made = Certificate.from_values(
        **{key: getattr(facts, key) for key in type(facts).model_fields},
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        terms=ledger.terms,
        value=ledger.batches[0].value,
        made=ledger.batches[0].made,
        seals=ledger.seals,
        size=size_of(facts.rule, ledger.terms.n),
        pictures=picture_results(found.rows, verdict),
        set_p=verdict.set_p,
        opened=tuple(_opened(ledger, record, k) for k in sorted(shown & compared)),
        members=_members(ledger, record),
        shown=tuple(
            Opening.from_values(**_opening(ledger, k))
            for k in sorted(shown - compared if facts.rule.by_withheld else ())
        ),
        further=tuple(_further(one) for one in ledger.batches[1:]),
        queries=record.paid,
        software=software(),
        sha256="0" * 64,
    )
    return with_digest(made)


def _check(ledger: FolderLedger, record: Record) -> None:
    """Refuse an audit of other pictures than this ledger's."""
    rule = record.facts.rule
    scored = ledger.shown if rule.by_versions else ()
    members = tuple(ledger.files) if rule.by_withheld else ()
    if (
        record.facts.commitment != ledger.commitment
        or tuple(one.id for one in record.scored) != scored
        or tuple(one.id for one in record.members) != members
    ):
        raise ValueError(
            "this audit is of other pictures than this ledger: their commitments differ"
        )


def _further(batch: Batch) -> FurtherBatch:
    return FurtherBatch.from_values(
        pictures=len(batch.seals),
        beacon=batch.terms.beacon,
        derivation=batch.terms.derivation,
        value=batch.value,
        made=batch.made,
    )


def evidence(ledger: FolderLedger, record: Record) -> Evidence:
    """What an audit found of every picture of its ledger."""
    scored = {one.id: one.comparisons(ledger.draws(one.id)) for one in record.scored}
    rows = [scored.get(image_id, NOTHING_READ) for image_id in ledger.files]
    scores = np.array([one.score for one in record.members]) if record.members else None
    return Evidence(rows, ledger.split, scores)


def to_open(rule: DecisionRule, verdict: Verdict, found: Evidence) -> list[int]:
    """Pictures that the claims rest on: those claimed, and the withheld ones they beat.

    A withheld picture that beats every claimed one of its group counts against the claims, and
    need not be opened.
    """
    claimed = verdict.claim
    if not rule.by_withheld:
        return list(map(int, np.flatnonzero(claimed)))
    assert found.split is not None
    assert found.scores is not None
    needed = claimed.copy()
    for group in np.unique(found.split.group[claimed]):
        here = found.split.group == group
        best = found.scores[here & claimed].max()
        needed |= here & found.split.withheld & (found.scores < best)
    return list(map(int, np.flatnonzero(needed)))


def _members(ledger: FolderLedger, record: Record) -> tuple[Member, ...]:
    if ledger.split is None:
        return ()
    scores = {one.id: one.score for one in record.members}
    parts = zip(ledger.files, ledger.picture_commitments, ledger.split.secrets, strict=True)
    return tuple(
        Member.from_values(
            picture=picture,
            group=ledger.files[image_id].group or 0,
            split=secret.hex(),
            score=scores.get(image_id),
        )
        for image_id, picture, secret in parts
    )


def with_digest(certificate: Certificate) -> Certificate:
    """A certificate with the digest of everything else in it."""
    return certificate.replace(sha256=digest_of(certificate))


def software() -> str:
    """Versions that an audit ran with."""
    versions = {"taggant": __version__, **library_versions()}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def picture_results(
    rows: Sequence[NDArray[np.bool_]], verdict: Verdict
) -> tuple[PictureResult, ...]:
    """What is said of every picture, opened or not."""
    return tuple(
        PictureResult.from_values(
            bits=packed(row[0]),
            doubtful=packed(row[1]),
            read=int(verdict.read[k]),
            exceedances=int(verdict.exceedances[k]),
            p_value=float(verdict.p_value[k]),
            adjusted=float(verdict.adjusted[k]),
            claim=bool(verdict.claim[k]),
            taken=bool(verdict.withheld[k]),
        )
        for k, row in enumerate(rows)
    )


def _opening(ledger: FolderLedger, number: int) -> dict[str, object]:
    image_id = list(ledger.files)[number]
    own, entry = ledger.batch_of(image_id).pictures[image_id], ledger.files[image_id]
    return {
        **{key: getattr(entry, key) for key in PictureDescription.model_fields},
        "seal": number,
        "secret": own.secret.hex(),
        "nonce": own.nonce.hex(),
    }


def _opened(ledger: FolderLedger, record: Record, number: int) -> OpenedPicture:
    opening = _opening(ledger, number)
    (one,) = (one for one in record.scored if one.id == opening["id"])
    return OpenedPicture.from_values(
        **opening,
        published=ledger.index(one.id),
        published_sha256=ledger.files[one.id].pixels,
        **{key: getattr(one, key) for key in PictureScores.model_fields},
    )


def write(certificate: Certificate, path: Path) -> Path:
    """Write the JSON file and the page beside it; returns the page's path."""
    write_atomically(path, to_json(certificate))
    html = path.with_suffix(".html")
    write_atomically(html, page(certificate).encode())
    return html
