"""Scores of whole pictures, published and withheld alike, and what their comparison says.

The same function of every picture, which knows neither what was published nor which version. The
pictures are asked in an order that was drawn without the split: whatever changes in between - the
model, a batch - has nothing to do with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taggant.auditing.membership import image_scores
from taggant.auditing.published import AuditError
from taggant.marking.draws import Drawn, seed_of_all
from taggant.marking.instances import Population
from taggant.models.model import Model, Target
from taggant.owner.gather import imageset_of
from taggant.owner.picture_file import PictureFiles
from taggant.owner.record import AuditSetup
from taggant.owner.requests import Requests
from taggant.owner.scheme import AsPublished, as_sent
from taggant.score import AnyOracle, Score

ORDER = "members/order"
"""Purpose of the order in which pictures are asked."""


@dataclass(frozen=True)
class Questions:
    """What is asked of each picture.

    Attributes
    ----------
    model, oracle, score
        Answers, and how they become one number.
    marked : AsPublished
        Makes versions as they were published.
    setup : AuditSetup
        What happens to them until the model is asked.
    ledger : Drawn
        Draws which of them are asked, and through which views.
    targets : mapping of id to int or str
        What answers are compared with.
    asked : int
        Versions of each picture, or all if there are fewer.
    """

    model: Model
    oracle: AnyOracle
    score: Score
    marked: AsPublished
    setup: AuditSetup
    ledger: Drawn
    targets: Mapping[str, Target]
    asked: int

    def scores(self, raw: PictureFiles) -> dict[str, float]:
        """Mean score over the versions asked, by id; larger = more likely used.

        Raises
        ------
        AuditError
            For answers that give no finite score.
        """
        requests = Requests(self.setup, self.oracle.batch_size)
        shapes: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for image_id, file in raw.files.items():
            shapes[requests.shape_of(file.shape)].append(image_id)
        found: dict[str, float] = {}
        for _, ids in sorted(shapes.items()):
            mixed = self._mixed(ids)
            for group in requests.groups(mixed, [raw.files[i].shape for i in mixed]):
                self.oracle.batch_size = requests.batch_of(raw.files[group[0]].shape)
                found |= self._of_one_shape(group, raw)
        self.oracle.batch_size = requests.batch_size
        return found

    def _mixed(self, ids: Sequence[str]) -> list[str]:
        """In the order in which they are asked."""
        seed = seed_of_all((self.ledger.draws(image_id) for image_id in sorted(ids)), ORDER)
        order = np.random.default_rng(seed).permutation(len(ids))
        return [sorted(ids)[k] for k in order]

    def _of_one_shape(self, ids: Sequence[str], raw: PictureFiles) -> dict[str, float]:
        images = imageset_of(torch.stack([self.setup.sent(raw[i]) for i in ids]), tuple(ids))
        nobody = np.zeros(len(ids), bool)  # who is published is not looked at
        scheme = as_sent(self.marked, self.setup, raw)
        population = Population(images, scheme, self.ledger, nobody)
        targets = self.model.targets([self.targets[i] for i in ids])
        values = image_scores(self.oracle, self.score, population, targets, self.asked)
        if not np.isfinite(values).all():
            raise AuditError(
                "the model's answers gave scores that are not finite; it is no model to audit"
            )
        return dict(zip(ids, map(float, values.astype(np.float32)), strict=True))
