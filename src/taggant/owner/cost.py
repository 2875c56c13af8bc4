"""What an audit will cost, told before its first query."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from taggant.auditing.controls import CONTROLS, PERIOD, most_controls
from taggant.auditing.engine import PATIENCE
from taggant.owner.case import BLOCK, Case
from taggant.owner.decision import EXPECTED_USED
from taggant.owner.gather import FoundPicture
from taggant.owner.picture_file import PictureFiles
from taggant.owner.requests import Requests
from taggant.owner.scheme import as_marked, as_sent
from taggant.score.remote import png
from taggant.stats import NULL
from taggant.urls import is_address

SAMPLED = 3
"""Pictures of which an image's bytes and seconds are taken."""


@dataclass(frozen=True)
class Cost:
    """What an audit will ask, control queries and those asked in vain included.

    Attributes
    ----------
    unused, used : float
        Mean queries if no picture was used, and if all were (as strongly as the test is made for).
    most : int
        Never more than this.
    bytes_asked : float
        Of one image: in a request, as PNG in base64, or as pixels for a model that is here; mean
        over a sample of the pictures.
    seconds : float
        Of the processor, to make one image and pack it: what the model takes is not in it.
    """

    unused: float
    used: float
    most: int
    bytes_asked: float = 0.0
    seconds: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether it does not depend on what the answers are."""
        return self.unused == self.most


def estimate(case: Case, raw: PictureFiles, found: Sequence[FoundPicture], batch_size: int) -> Cost:
    """What an audit of these pictures costs.

    Beside the hidden versions, the published one is asked first and last, the engine's probe asks
    a batch of each group two and a half times, and the controls come back in between and at the
    end. Of a model whose answers are noisy the probe asks a few more, and published versions are
    asked more often.
    """
    whole = _whole(case)
    each = _one_image(case, raw)
    if not case.rule.by_versions:
        return Cost(whole, whole, whole, *each)
    states, hidden = case.boundary.states, case.boundary.n - 1
    requests = Requests(case.setup, batch_size)
    groups = [
        (len(group), requests.batch_of(group[0].raw_file.shape))
        for group in case.groups(found, requests)
    ]
    asked = np.minimum(-(-states.t // BLOCK) * BLOCK, hidden)
    unused, used = (float(states.mass(law) @ asked) for law in (NULL, EXPECTED_USED))

    def images(read: float, moved: int = 0) -> float:
        asked = read + moved * BLOCK, 2 + moved
        return whole + sum(
            _images_asked(size, *asked, case.score.views, batch) for size, batch in groups
        )

    return Cost(images(unused), images(used), int(images(hidden, PATIENCE)), *each)


def _one_image(case: Case, raw: PictureFiles) -> tuple[float, float]:
    """Mean bytes of an image in a request, and mean seconds to make it, of a few pictures.

    It makes version 0 of each, which is as large as any.
    """
    ids = list(raw)[:: max(1, len(raw) // SAMPLED)][:SAMPLED]
    scheme = as_sent(as_marked(case.ledger), case.setup, PictureFiles(raw.files))
    device, remote = case.ledger.batches[0].made.build(), is_address(case.model.spec)
    sizes, taken = [], []
    nothing = torch.zeros(1, 1, 1, 1, dtype=torch.uint8)  # pixels are those of the files
    for image_id in ids:
        secret = case.ledger.draws(image_id).secret
        asked = scheme, [secret], nothing, [image_id], np.zeros((1, 1), np.int64)
        device.versions(*asked)  # reads the file, once for many versions
        start = time.process_time()
        made = device.versions(*asked)
        sizes.append(len(png(made[0, 0])) if remote else made.numel())
        taken.append(time.process_time() - start)
    return sum(sizes) / len(sizes), sum(taken) / len(taken)


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
