"""A whole set by the ranks of its images, each of which has a published index of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from taggant.auditing.whole_set.case import SetCase
from taggant.auditing.whole_set.set_rank import SetRankAudit
from taggant.marking.scheme import Scheme
from taggant.stats import exceedances, rank_sum

if TYPE_CHECKING:
    from taggant.victim.victim import Victim


@dataclass(frozen=True)
class RankSumAudit(SetRankAudit):
    """Was a model trained on a set of images, each one of its n versions?

    Every image's published version is ranked among its hidden ones, and the sum of the ranks is
    tested. For twins (n = 2) that is the sign test of arXiv 2407.15100 without its stopping early.

    Guarantee: a model that is independent of the published indices is claimed with probability at
    most p, for any model, score and marks: the distribution of the sum is exact.

    Parameters
    ----------
    **all
        See `SetRankAudit`; `images` are asked about in all their versions.
    """

    together: ClassVar[bool] = False

    def check(self, scheme: Scheme, kind: type[Victim]) -> None:
        """Refuse victims that are no classifiers.

        Raises
        ------
        ValueError
            With the kind of answers.
        """
        if kind.answers != "logits":
            raise ValueError(
                f"audit=rank_sum asks a classifier, and {kind.__name__} answers with {kind.answers}"
            )

    def _evidence(self, case: SetCase) -> dict[str, float]:
        scores = case.scores(self.images)
        ids = case.raw.ids[: len(scores)]
        keys = np.stack([case.ledger.draws(image_id).tie_keys() for image_id in ids])
        own, rows = case.indices[: len(scores)], np.arange(len(scores))
        above = exceedances(scores[rows, own], scores, keys[rows, own], keys)
        log_p = rank_sum(above.sum(1), scores.shape[1])
        return {
            "p": self.p,
            "log10_p": log_p / math.log(10),
            "claim": log_p <= math.log(self.p),
            "queries": scores.size,
        }
