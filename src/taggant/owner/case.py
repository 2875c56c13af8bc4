"""One audit as the owner asks for it, fixed before its first query."""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from taggant.canonical import canonical_json
from taggant.models.model import Model
from taggant.owner.components.score import ScoreConfig
from taggant.owner.controlled import reachable
from taggant.owner.decision import DecisionRule
from taggant.owner.gather import FoundPicture
from taggant.owner.ledger import FolderLedger
from taggant.owner.record import AskedModel, AuditSetup, Targets
from taggant.owner.requests import Requests
from taggant.owner.transform import Transform
from taggant.score import Score
from taggant.stats import Boundary

BLOCK = 8
"""Hidden versions of a picture asked at once; some of the last ones are asked in vain."""


@dataclass(frozen=True)
class Case:
    """One audit, fixed before its first query.

    Attributes
    ----------
    ledger : FolderLedger
    model : Model
    score_config : ScoreConfig
        The score, as files hold it.
    rule : DecisionRule
    transform : Transform
        What a platform did to the published files.
    classes : tuple of str
        The model's, in its order.
    send : int or None
        See `AuditSetup`.
    """

    ledger: FolderLedger
    model: Model
    score_config: ScoreConfig
    rule: DecisionRule
    transform: Transform
    classes: tuple[str, ...]
    send: int | None = None

    @cached_property
    def boundary(self) -> Boundary:
        """The test of one picture."""
        return self.rule.boundary(self.ledger.terms.n)

    @cached_property
    def score(self) -> Score:
        """The score."""
        return self.score_config.build()

    @cached_property
    def setup(self) -> AuditSetup:
        """What is fixed; enters the certificate and the journal's key. Labels and captions are
        under the commitment."""
        model = AskedModel.from_values(
            spec=self.model.spec,
            fingerprint=self.model.fingerprint,
            answers=self.model.answers,
            classes=self.classes if self.score_config.statistic.needs == "label" else (),
        )
        return AuditSetup.from_values(
            commitment=self.ledger.commitment,
            model=model,
            score=self.score_config,
            rule=self.rule,
            transform=self.transform,
            send=self.send,
        )

    @cached_property
    def targets(self) -> dict[str, int | str]:
        """What each picture's answers are compared with, by id."""
        targets = Targets(self.setup)
        return {i: targets.for_picture(entry) for i, entry in self.ledger.files.items()}

    def groups(
        self, found: Sequence[FoundPicture], requests: Requests
    ) -> Iterator[list[FoundPicture]]:
        """Published pictures that are audited side by side: of one batch, and sent in one shape."""
        batches: dict[int, list[FoundPicture]] = defaultdict(list)
        for one in found:
            batches[self.ledger.number_of[one.entry.id]].append(one)
        for own in batches.values():
            yield from requests.groups(own, [one.raw_file.shape for one in own])

    def check(self) -> None:
        """Refuse what cannot be asked, before anything is.

        Raises
        ------
        ValueError
            If the model does not answer what the score reads, or a picture has no label.
        """
        check_score(self.score, self.model)
        if self.rule.by_withheld:
            if self.ledger.split is None:
                raise ValueError(
                    "--evidence: of this ledger all pictures are published, and none can be "
                    "compared with withheld ones. `taggant mark --withhold` draws them, before "
                    "anything is published"
                )
            reachable(self.rule, self.ledger.split)
        self.targets  # noqa: B018 - made here, so that a missing label ends it before any question

    @property
    def key(self) -> str:
        """Digest of all that a journal's answers depend on.

        The model's whole address enters as a hash under the owner's key: a URL may hold a secret.
        """
        asked = hmac.digest(self.ledger.key, self.model.address.encode(), "sha256").hex()
        return hashlib.sha256(canonical_json([self.setup.plain(), asked])).hexdigest()


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
