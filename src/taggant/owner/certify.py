"""Put together what an audit proves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from taggant import __version__
from taggant.files import write_atomically
from taggant.owner.certificate import (
    SCHEMA,
    Certificate,
    OpenedPicture,
    PictureResult,
    digest_of,
    packed,
    page,
)
from taggant.owner.commitments import PictureDescription
from taggant.owner.decision import Verdict, decide
from taggant.owner.ledger import FolderLedger
from taggant.owner.record import PictureScores, Record
from taggant.owner.schema import to_json
from taggant.store.identity import library_versions


def certificate(ledger: FolderLedger, record: Record, everything: bool = False) -> Certificate:
    """Put together what an audit proves.

    Parameters
    ----------
    ledger, record
        The owner's, of the same pictures.
    everything : bool
        Open every picture, not only those claimed: then others can check the p-value of the set.

    Raises
    ------
    ValueError
        If the audit is of other pictures.
    """
    facts = record.facts
    if facts.commitment != ledger.commitment or [s.id for s in record.scored] != list(
        ledger.pictures
    ):
        raise ValueError(
            "this audit is of other pictures than this ledger: their commitments differ"
        )
    boundary = facts.rule.boundary(ledger.terms.n)
    rows = [one.comparisons(ledger.draws(one.id)) for one in record.scored]
    verdict = decide(facts.rule, boundary, rows)
    shown = range(len(rows)) if everything else np.flatnonzero(verdict.claim).tolist()
    made = Certificate.from_values(
        **{key: getattr(facts, key) for key in type(facts).model_fields},
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        terms=ledger.terms,
        value=ledger.value,
        made=ledger.made,
        seals=ledger.picture_commitments,
        size=boundary.size(),
        pictures=picture_results(rows, verdict),
        set_p=verdict.set_p,
        opened=tuple(_opened(ledger, record, number) for number in shown),
        queries=record.paid,
        software=software(),
        sha256="0" * 64,
    )
    return with_digest(made)


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


def _opened(ledger: FolderLedger, record: Record, number: int) -> OpenedPicture:
    one = record.scored[number]
    own, entry = ledger.pictures[one.id], ledger.files[one.id]
    return OpenedPicture.from_values(
        **{key: getattr(entry, key) for key in PictureDescription.model_fields},
        seal=number,
        secret=own.secret.hex(),
        nonce=own.nonce.hex(),
        published=ledger.index(one.id),
        published_sha256=entry.pixels,
        **{key: getattr(one, key) for key in PictureScores.model_fields},
    )


def write(certificate: Certificate, path: Path) -> Path:
    """Write the JSON file and the page beside it; returns the page's path."""
    write_atomically(path, to_json(certificate))
    html = path.with_suffix(".html")
    write_atomically(html, page(certificate).encode())
    return html
