"""Ask the model of a certificate again: every score of the opened pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from taggant.marking.draws import VIEWS, Draws
from taggant.models.model import Model
from taggant.owner import pictures
from taggant.owner.case import check_score
from taggant.owner.certificate import Certificate, OpenedPicture
from taggant.owner.controlled import Evidence, judge
from taggant.owner.gather import any_of, find_raw
from taggant.owner.members import Questions
from taggant.owner.picture_file import PictureFiles
from taggant.owner.record import Targets, read_indices
from taggant.owner.requests import Requests
from taggant.owner.scheme import AsPublished, as_sent
from taggant.owner.verify import Check, draws, require, run_checks
from taggant.score import AnyOracle, Score

NEAR = 1e-3
"""Largest difference of a score that another machine's arithmetic explains, relative to 1 + |s|."""


def verify_scores(c: Certificate, model: Model, *raw: Path) -> list[Check]:
    """Make the versions of the opened pictures again, ask the model every score, and decide again.

    Scores are held to `NEAR` only, so that another machine's arithmetic fails no honest
    certificate; within it a forger could put versions that tie into any order. So the claims have
    to be made of the scores that the model gives here as well.

    Parameters
    ----------
    c : Certificate
        That `verify` found nothing wrong with.
    model : Model
    *raw : Path
        Folders with the raw pictures; found by content.
    """
    same = model.fingerprint == c.model.fingerprint
    fresh: dict[int, NDArray[np.float32]] = {}
    whole: dict[int, float] = {}
    return list(
        run_checks(
            [
                ("the model is the one named", lambda: require(same, "it is another model")),
                ("the model gives the scores", lambda: _ask_all(c, model, raw, fresh, whole)),
                ("the claims follow from those", lambda: _claims(c, fresh, whole)),
            ]
        )
    )


def _raw(c: Certificate, folders: Sequence[Path]) -> PictureFiles:
    wanted = {opened.id: opened for opened in c.openings}
    found = find_raw(folders, wanted)
    missing = [opened.name for i, opened in wanted.items() if i not in found]
    require(not missing, f"{len(missing)} raw pictures are not in {any_of(folders)}: {missing[:3]}")
    return found


def _claims(
    c: Certificate, fresh: Mapping[int, NDArray[np.float32]], whole: Mapping[int, float]
) -> None:
    stated = c.evidence
    rows = list(stated.rows)
    for one in c.opened:
        scores = fresh[one.seal]
        own = [*one.again, scores[0], scores[-1]]  # asked first, and once more last
        again = one.replace(
            scores=tuple(map(float, scores[:-1])), again=(float(min(own)), float(max(own)))
        )
        rows[one.seal] = again.comparisons(draws(c, one))
    pictures = stated.scores
    if pictures is not None:
        pictures[list(whole)] = list(whole.values())
    found = judge(c.rule, c.terms.n, Evidence(rows, c.split, pictures)).claim
    gone = [one.name for one in c.openings if c.pictures[one.seal].claim and not found[one.seal]]
    require(
        not gone, f"{len(gone)} claims are not made of the scores that it gives here: {gone[:3]}"
    )


def _ask_all(
    c: Certificate,
    model: Model,
    raw_folders: Sequence[Path],
    fresh: dict[int, NDArray[np.float32]],
    whole: dict[int, float],
) -> None:
    """Scores of each opened picture, by its number among all.

    Parameters
    ----------
    fresh : dict
        Gets those of its versions, the published one's twice, first and last.
    whole : dict
        Gets that of the whole picture, where pictures are compared with each other.
    """
    raw = _raw(c, raw_folders)
    score = c.score.build()
    check_score(score, model)
    oracle = model.oracle(score.access)
    made = c.terms.marking.build()
    require(
        dict(made.parameters()) == c.terms.scheme, "the marker's network has other weights here"
    )
    scheme = AsPublished(made, c.terms, {one.id: one for one in c.openings})
    targets = Targets(c)
    for opened in c.opened:
        target = model.targets([targets.for_picture(opened)])
        fresh[opened.seal] = _ask_one(c, opened, target, score, oracle, scheme, raw)
    if c.rule.asked is not None:
        ledger = _Opened({one.id: draws(c, one) for one in c.openings})
        asked = {one.id: targets.for_picture(one) for one in c.openings}
        question = Questions(model, oracle, score, scheme, c, ledger, asked, c.rule.asked)
        scores = question.scores(raw)
        whole.update({one.seal: scores[one.id] for one in c.openings})
        far = [one.name for one in c.openings if _far(scores[one.id], c.members[one.seal].score)]
        require(not far, f"{len(far)} of {len(whole)} scores of pictures differ: {far[:3]}")


@dataclass(frozen=True)
class _Opened:
    """The draws of opened pictures, by id."""

    known: Mapping[str, Draws]

    def draws(self, name: str) -> Draws:
        return self.known[name]

    def indices(self, ids: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self.known[image_id].index() for image_id in ids], np.int64)


def _far(score: float, before: float | None) -> bool:
    return before is None or abs(score - before) > NEAR * (1 + abs(before))


def _ask_one(
    c: Certificate,
    opened: OpenedPicture,
    target: Tensor,
    score: Score,
    oracle: AnyOracle,
    scheme: AsPublished,
    raw: PictureFiles,
) -> NDArray[np.float32]:
    own, image_id = draws(c, opened), opened.id
    indices = read_indices(own, len(opened.scores) - 1)
    device, secret = c.batch_of(opened.seal).made.build(), [own.secret]
    first = device.versions(scheme, secret, raw[image_id][None], [image_id], indices[None, :1])
    require(pictures.digest(first[0, 0].cpu()) == opened.published_sha256, "other published pixels")
    requests = Requests(c, oracle.batch_size)
    oracle.batch_size = requests.batch_of(raw.files[image_id].shape)
    shown, image = as_sent(scheme, c, raw), raw[image_id][None]
    views = score.draw_views([own.seed(VIEWS)])
    parts = []
    step = max(1, oracle.batch_size // score.views)
    indices = np.append(indices, indices[0])  # once more, at the end
    for start in range(0, len(indices), step):
        some = indices[None, start : start + step]
        images = device.versions(shown, secret, image, [image_id], some)[0].cpu()
        count = len(images)
        targets = target.expand(count, *target.shape[1:])
        same_views = views.expand(count, *views.shape[1:])
        parts.append(score(oracle, images, targets, same_views).float().cpu())
    oracle.batch_size = requests.batch_size
    scores: NDArray[np.float32] = torch.cat(parts).numpy()
    before = np.array([*opened.scores, opened.scores[0]], np.float32)
    far = np.abs(scores - before) > NEAR * (1 + np.abs(before))
    require(not far.any(), f"{opened.name}: {int(far.sum())} of {len(far)} scores differ")
    return scores
