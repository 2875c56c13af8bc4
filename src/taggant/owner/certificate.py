"""One JSON file that a third party can check without trusting the owner or this software's author.

It opens the seals of the claimed pictures only. Everything that follows from something else in it
is checked by `taggant.owner.verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

from taggant import __version__
from taggant.files import write_atomically
from taggant.owner.audit import Record, bits_and_depth, bits_of, read_indices
from taggant.owner.ledger import FolderLedger
from taggant.owner.rule import Rule, Verdict, decide
from taggant.owner.seals import canonical
from taggant.store.identity import library_versions

SCHEMA = "taggant certificate 3"
OWN_DIGEST = "sha256"

Certificate = Mapping[str, Any]


def certificate(ledger: FolderLedger, record: Record, everything: bool = False) -> dict[str, Any]:
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
    if facts["commitment"] != ledger.commitment or [s.id for s in record.scored] != list(
        ledger.pictures
    ):
        raise ValueError(
            "this audit is of other pictures than this ledger: their commitments differ"
        )
    rule = Rule(**facts["rule"])
    boundary = rule.boundary(ledger.terms.n)
    rows = []
    for one in record.scored:
        draws = ledger.draws(one.id)
        indices = read_indices(draws, len(one.scores) - 1)
        rows.append(bits_of(np.array(one.scores, np.float32), indices, one.grid, draws))
    bits, depth = bits_and_depth(rows)
    verdict = decide(rule, boundary, bits, depth)
    shown = range(len(rows)) if everything else np.flatnonzero(verdict.claim).tolist()
    body: dict[str, Any] = {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **{key: facts[key] for key in ("commitment", "model", "score", "rule", "transform")},
        "terms": asdict(ledger.terms),
        "value": ledger.value,
        "marking": dict(ledger.config),
        "format": [ledger.format, ledger.quality],
        "made": asdict(ledger.made),
        "seals": list(ledger.seals),
        "size": boundary.size(),
        "pictures": pictures_of(rows, verdict),
        "set_p": verdict.set_p,
        "opened": [_opened(ledger, record, number) for number in shown],
        "queries": {"answered": record.paid, "sent": record.attempts},
        "software": {"taggant": __version__, **library_versions()},
    }
    return sealed(body)


def sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    """A certificate with the digest of everything else in it."""
    rest = {key: value for key, value in body.items() if key != OWN_DIGEST}
    return {**rest, OWN_DIGEST: hashlib.sha256(canonical(rest)).hexdigest()}


def text_of(body: Certificate) -> bytes:
    """The one form in which a certificate is written."""
    return (json.dumps(body, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def pictures_of(rows: Sequence[NDArray[np.bool_]], verdict: Verdict) -> list[dict[str, Any]]:
    """What is said of every picture, opened or not."""
    return [
        {
            "bits": np.packbits(row).tobytes().hex(),
            "read": int(verdict.read[k]),
            "exceedances": int(verdict.exceedances[k]),
            "p_value": float(verdict.p_value[k]),
            "adjusted": float(verdict.adjusted[k]),
            "claim": bool(verdict.claim[k]),
        }
        for k, row in enumerate(rows)
    ]


def _opened(ledger: FolderLedger, record: Record, number: int) -> dict[str, Any]:
    """The opening of one picture's seal, and the scores of its versions."""
    one = record.scored[number]
    own = ledger.pictures[one.id]
    entry = next(entry for entry in ledger.entries if entry.id == one.id)
    return {
        "seal": number,
        "id": one.id,
        "name": entry.name,
        "raw_sha256": own.raw_sha256[0],
        "secret": own.secret.hex(),
        "nonce": own.nonce.hex(),
        "published": ledger.index(one.id),
        "published_sha256": entry.pixels,
        "target": record.targets[number],
        "grid": one.grid,
        "scores": list(one.scores),
    }


def page(body: Certificate) -> str:
    """The certificate for people: says what is proved and what is not."""
    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True)
    template = files("taggant.owner").joinpath("certificate.html").read_text(encoding="utf-8")
    opened = [{**opened, **body["pictures"][opened["seal"]]} for opened in body["opened"]]
    claimed = [one for one in opened if one["claim"]]
    return environment.from_string(template).render(c=body, claimed=claimed)


def write(body: Certificate, path: Path) -> Path:
    """Write the JSON file and the page beside it; returns the page's path."""
    write_atomically(path, text_of(body))
    html = path.with_suffix(".html")
    write_atomically(html, page(body).encode())
    return html
