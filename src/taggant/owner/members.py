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
from torch import Tensor

from taggant.auditing.membership import image_scores
from taggant.auditing.published import AuditError
from taggant.marking.draws import Drawn, seed_of_all
from taggant.marking.instances import Population
from taggant.marking.scheme import Scheme
from taggant.models.model import Model, Target
from taggant.owner.gather import imageset_of
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
    scheme : Scheme
        Makes versions as the model may have met them.
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
    scheme: Scheme
    ledger: Drawn
    targets: Mapping[str, Target]
    asked: int

    def scores(self, raw: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean score over the versions asked, by id; larger = more likely used.

        Raises
        ------
        AuditError
            For answers that give no finite score.
        """
        shapes: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for image_id, image in raw.items():
            shapes[tuple(image.shape)].append(image_id)
        found: dict[str, float] = {}
        for _, ids in sorted(shapes.items()):
            found |= self._of_one_shape(ids, raw)
        return found

    def _of_one_shape(self, ids: Sequence[str], raw: Mapping[str, Tensor]) -> dict[str, float]:
        seed = seed_of_all((self.ledger.draws(image_id) for image_id in sorted(ids)), ORDER)
        order = np.random.default_rng(seed).permutation(len(ids))
        mixed = [sorted(ids)[k] for k in order]
        images = imageset_of(torch.stack([raw[i] for i in mixed]), tuple(mixed))
        nobody = np.zeros(len(mixed), bool)  # who is published is not looked at
        population = Population(images, self.scheme, self.ledger, nobody)
        targets = self.model.targets([self.targets[i] for i in mixed])
        values = image_scores(self.oracle, self.score, population, targets, self.asked)
        if not np.isfinite(values).all():
            raise AuditError(
                "the model's answers gave scores that are not finite; it is no model to audit"
            )
        return dict(zip(mixed, map(float, values.astype(np.float32)), strict=True))
