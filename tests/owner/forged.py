"""A true certificate, and what a forger makes of it who renews its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from tests.owner import photos
from tests.owner.test_mark import fresh

from taggant.canonical import canonical_json
from taggant.owner.batch import Batch, Entry
from taggant.owner.commands.compose import compose_marking
from taggant.owner.components.score import ScoreConfig
from taggant.owner.decision import DecisionRule
from taggant.owner.ledger import FolderLedger
from taggant.owner.mark import mark
from taggant.owner.record import (
    SCHEMA,
    AskedModel,
    AuditSetup,
    MemberScore,
    Record,
    ScoredPicture,
)
from taggant.owner.split import group_numbers, parse_withholding
from taggant.owner.transform import Transform

N, COUNT, USED = 40, 6, 4
BEACON, VALUE = "pulse 7", "beef"
CLASSES = ("class0", "class1")
MARGIN = {
    "statistic": {"kind": "margin"},
    "access": {"kind": "full"},
    "views": 1,
    "augment": None,
    "average": "scores",
}
Body = dict[str, Any]
Change = Callable[[Body], None]
Draw = Callable[[Sequence[Entry]], Batch]


def marked(root: Path, beacon: str = BEACON, said: str = VALUE) -> FolderLedger:
    """Marked pictures."""
    photos.folder(root / "raw", COUNT, classes=1)
    for value in ("", said) if beacon else ("",):
        mark(root / "raw", root / "out", root / "ledger", fresh(beacon, n=N), "keep", value)
    return FolderLedger.load(root / "ledger")


def two_batches(root: Path) -> FolderLedger:
    """Marked pictures of two weeks, those of the second without a beacon."""
    marked(root)
    photos.folder(root / "later", COUNT, classes=1, first=COUNT)
    mark(root / "later", root / "out", root / "ledger", fresh(n=N), "keep", append=True)
    return FolderLedger.load(root / "ledger")


def split_folder(root: Path, beacon: str = BEACON) -> FolderLedger:
    """Marked pictures, half of which are withheld."""
    photos.folder(root / "raw", 2 * COUNT, classes=2)
    for value in ("", VALUE) if beacon else ("",):
        mark(root / "raw", root / "out", root / "ledger", split(beacon), "keep", value)
    return FolderLedger.load(root / "ledger")


def split(beacon: str = "", rule: str = "50%", groups: str = "all") -> Draw:
    """What draws a ledger that withholds pictures."""
    marking = compose_marking("scaled_sign", N, 10, ["marking.strategy.cells=12"])

    def draw(entries: Sequence[Entry]) -> Batch:
        names, labels = [one.name for one in entries], [one.label for one in entries]
        numbers = group_numbers(names, labels, groups)
        own = [one.replace(group=k) for one, k in zip(entries, numbers, strict=True)]
        return Batch.draw(marking, own, beacon, withhold=parse_withholding(rule, groups))

    return draw


def controlled_record(ledger: FolderLedger, test: str = "combined", q: str | None = None) -> Record:
    """An audit in which the first four published pictures stand out among withheld ones."""
    rule = DecisionRule.controlled(test, "0.2", q, "0.5", 2)
    rng = np.random.default_rng(1)
    values = {
        i: float(np.float32(x))
        for i, x in zip(ledger.files, rng.random(len(ledger.files)), strict=True)
    }
    values |= {i: 2.0 + k for k, i in enumerate(ledger.shown[:USED])}
    members = tuple(MemberScore.from_values(id=i, score=x) for i, x in values.items())
    scored = []
    for number, image_id in enumerate(ledger.shown if rule.by_versions else ()):
        scores = rng.random(N).astype(np.float32)
        scores[0] = 2 if number < USED else 0.5
        told = tuple(map(float, scores))
        again = (told[0], told[0])
        scored.append(ScoredPicture.from_values(id=image_id, grid=0.0, scores=told, again=again))
    return Record.from_values(
        schema=SCHEMA,
        facts=setup(ledger, rule),
        scored=tuple(scored),
        members=members,
        paid=400,
        attempts=400,
    )


def record_of(ledger: FolderLedger, rule: DecisionRule | None = None) -> Record:
    """An audit in which the first four pictures stand out."""
    rule = rule or DecisionRule.each("0.1")
    boundary = rule.boundary(N)
    rng = np.random.default_rng(0)
    scored = []
    for number, image_id in enumerate(ledger.shown):
        scores = rng.random(N).astype(np.float32)
        scores[0] = 2 if number < USED else 0.5
        depth = int(boundary.run((scores[1:] > scores[0])[None]).read[0])
        told = tuple(map(float, scores[: depth + 1]))
        again = (told[0], told[0])
        scored.append(ScoredPicture.from_values(id=image_id, grid=0.0, scores=told, again=again))
    return Record.from_values(
        schema=SCHEMA, facts=setup(ledger, rule), scored=tuple(scored), paid=200, attempts=200
    )


def setup(ledger: FolderLedger, rule: DecisionRule) -> AuditSetup:
    """What was fixed before the first query."""
    model = AskedModel.from_values(
        spec="m:f", fingerprint="0" * 64, answers="logits", classes=CLASSES
    )
    return AuditSetup.from_values(
        commitment=ledger.commitment,
        model=model,
        score=ScoreConfig.from_values(**MARGIN),
        rule=rule,
        transform=Transform(),
    )


def text(body: Body) -> bytes:
    """As certificates are written."""
    return (json.dumps(body, indent=1, sort_keys=True) + "\n").encode()


def renewed(body: Body) -> bytes:
    """The same with the digest of what it holds now."""
    rest = {key: value for key, value in body.items() if key != "sha256"}
    return text({**rest, "sha256": hashlib.sha256(canonical_json(rest)).hexdigest()})


def put(*path: Any, value: Any = None, by: Callable[[Any], Any] | None = None) -> Change:
    """A change of one leaf: to a value, or by a function."""

    def change(body: Body) -> None:
        *way, last = path
        place: Any = body
        for step in way:
            place = place[step]
        place[last] = value if by is None else by(place[last])

    return change


def drop(*path: Any) -> Change:
    """A change that takes a part out."""

    def change(body: Body) -> None:
        *way, last = path
        place: Any = body
        for step in way:
            place = place[step]
        del place[last]

    return change


def all_of(*changes: Change) -> Change:
    """Several changes at once."""

    def change(body: Body) -> None:
        for one in changes:
            one(body)

    return change


def changed(body: Body, change: Change) -> Body:
    """A changed copy."""
    made = deepcopy(body)
    change(made)
    assert json.dumps(made, default=str) != json.dumps(body)  # 1 is not true
    return made
