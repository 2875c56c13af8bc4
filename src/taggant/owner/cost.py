"""What an audit will cost, told before its first query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taggant.auditing.controls import CONTROLS, PERIOD, most_controls
from taggant.auditing.engine import PATIENCE
from taggant.owner.case import BLOCK, Case
from taggant.owner.decision import EXPECTED_USED
from taggant.owner.gather import FoundPicture
from taggant.stats import NULL


@dataclass(frozen=True)
class Cost:
    """What an audit will ask, control queries and those asked in vain included.

    Attributes
    ----------
    unused, used : float
        Mean queries if no picture was used, and if all were (as strongly as the test is made for).
    most : int
        Never more than this.
    """

    unused: float
    used: float
    most: int

    @property
    def fixed(self) -> bool:
        """Whether it does not depend on what the answers are."""
        return self.unused == self.most


def estimate(case: Case, found: Sequence[FoundPicture], batch_size: int) -> Cost:
    """What an audit of these pictures costs.

    Beside the hidden versions, the published one is asked first and last, the engine's probe asks
    a batch of each shape two and a half times, and the controls come back in between and at the
    end. Of a model whose answers are noisy the probe asks a few more, and published versions are
    asked more often.
    """
    whole = _whole(case)
    if not case.rule.by_versions:
        return Cost(whole, whole, whole)
    states, hidden = case.boundary.states, case.boundary.n - 1
    groups = list(Counter(one.raw.shape for one in found).values())
    asked = np.minimum(-(-states.t // BLOCK) * BLOCK, hidden)
    unused, used = (float(states.mass(law) @ asked) for law in (NULL, EXPECTED_USED))

    def images(read: float, moved: int = 0) -> float:
        asked = read + moved * BLOCK, 2 + moved
        own = sum(_images_asked(size, *asked, case.score.views, batch_size) for size in groups)
        return whole + own

    return Cost(images(unused), images(used), int(images(hidden, PATIENCE)))


def _whole(case: Case) -> int:
    """Images asked to compare whole pictures, withheld ones too."""
    versions = min(case.rule.asked or 0, case.ledger.terms.n)
    return len(case.ledger.files) * case.score.views * versions


def _images_asked(count: int, hidden: float, own: int, views: int, batch_size: int) -> float:
    """Most images asked for so many pictures of one shape, of each so many hidden versions and
    so often the published one."""
    probe = min(max(1, batch_size // views), count)
    probes = [probe, CONTROLS] if probe < CONTROLS else [probe]
    versions = count * (own + hidden)
    controls = most_controls(PERIOD * batch_size, math.ceil(views * versions))
    return views * (versions + controls + sum(2 * k + k // 2 + 1 for k in probes))
