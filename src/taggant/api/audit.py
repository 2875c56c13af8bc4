"""Audit models about marked images: one by one, or as a set."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taggant.api.marked import Marked
from taggant.api.models import (
    UNTIL_DECIDED,
    Asked,
    asked,
    check_marked,
    instance_audit,
    options_of_model,
)
from taggant.api.options import Test, name_of
from taggant.api.result import AuditResult, SetResult, Setting
from taggant.auditing.engine import read as read_versions
from taggant.auditing.instance import decide
from taggant.auditing.readings import ALL, Readings
from taggant.data.options import check_choice, check_whole
from taggant.models.load import Loadable
from taggant.progress import rounds
from taggant.score import Score
from taggant.stats import Boundary, rank_sum

GROUPS = ("used", "unused")


def audit(
    model: Loadable,
    marked: Marked,
    p: float = 0.05,
    *,
    test: str | Test = "optimal",
    score: str | Score | None = None,
    access: str | None = None,
    views: int | None = None,
    read: str = UNTIL_DECIDED,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    outputs: str = "logits",
    batch_size: int = 128,
    device: str | torch.device | None = None,
    progress: bool = False,
    **options: Any,
) -> AuditResult:
    """Which of the marked images was this model trained on?

    The model is left as it was: its weights, its mode, its device, and every random state.

    Parameters
    ----------
    model : nn.Module, callable, str or Path
        A module: it is given float32 images of 0..1, [B, C, H, W], in their own size, or what
        `preprocess` makes of them; timm's own and taggant's victims are given what they take. A
        callable: it is given uint8 images [B, C, H, W]. Either answers with logits [B, classes]
        (see `outputs`) or embeddings. A name, file or address: see `taggant.models.load.load`.
    marked : Marked
        From `taggant.mark`.
    p : float
        Bound on the false-detection rate of each image's audit, 1/n <= p < 1.
    test : str or callable
        optimal, pprm, rank, besag_clifford; or (n=, p=) -> Boundary.
    score : str or Score, optional
        A file of ``conf/score``; by default margin, for encoders pairwise_cosine, for image-text
        models image_text.
    access : str, optional
        What is seen of the answers, a file of ``conf/score/access``; by default all of them.
    views : int, optional
        Queries per version: with more than 1, augmented views, the same ones for all versions.
    read : {"until_decided", "all"}
        Hidden versions that are read; "all" gives every image's rank.
    preprocess : callable, optional
        uint8 images [B, C, H, W] -> what the module or callable takes.
    outputs : {"logits", "probabilities"}
        What a module or callable classifies with.
    batch_size : int
        Images per forward.
    device : str, optional
        Where to ask; by default where the module is.
    progress : bool
        Show a bar.
    **options
        Further fields of `taggant.models.model.ModelOptions`: size, mean, std, arch, victim,
        weights, rate, headers, ...

    Returns
    -------
    AuditResult

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.
    AuditError
        If published versions cannot be made again here, or scores are not finite.

    Notes
    -----
    Guarantee: a model that is independent of the published indices given the versions is claimed
    with probability at most p, image by image, exactly, whatever the model, score and marks. An
    image that is not claimed may have been used all the same. Source: arXiv 2503.22413, with tests
    of docs/statistics.md.

    Examples
    --------
    A model that never saw the images; at p = 0.5, half of them would be claimed at the most.

    >>> import numpy as np, taggant
    >>> images = np.random.default_rng(0).integers(256, size=(10, 3, 16, 16), dtype=np.uint8)
    >>> marked = taggant.mark(images, [0, 1] * 5, n=20)
    >>> def brightness(images):
    ...     return images.float().mean((2, 3))[:, :2] / 25
    >>> result = taggant.audit(brightness, marked, p=0.1)
    >>> result.claims.shape, result.table.columns[:4]
    ((10,), ['image', 'id', 'group', 'label'])
    """
    check_marked(marked)
    plan = instance_audit(p, test, read)
    boundary = boundary_of(plan.test, marked, plan.p)
    given = options_of_model(preprocess, outputs, batch_size, device, model, options)
    found = asked(model, marked, score, access, views, given)
    until = None if plan.read == ALL else [boundary]
    readings, queries, place = _read(found, until, progress)
    chosen = found.score
    used = marked.published.used
    verdicts = decide(readings, boundary, plan.p, used, chosen.views, chosen.choosing)
    raw, positions = marked.instances.raw, marked.marked_positions
    order = np.argsort(positions)
    whole = readings.full and readings.fault is None
    return AuditResult(
        setting=Setting(
            model=found.model.spec,
            score=found.score_name,
            access=found.access_name,
            test=name_of(test),
            data=marked.images.name,
            n=marked.n,
            epsilon=marked.scheme.epsilon,
            strategy=marked.strategy,
            device=place,
            commitment=marked.commitment,
            simulated=marked.simulated,
        ),
        verdicts=verdicts.at(order),
        positions=positions[order],
        ids=tuple(raw.ids[i] for i in order),
        labels=None if raw.labels is None else raw.labels.numpy()[order],
        ranks=readings.exceedances()[order] + 1 if whole else None,
        queries=queries,
    )


def audit_set(
    model: Loadable,
    marked: Marked,
    *,
    group: str = "used",
    versions: int = 99,
    score: str | Score | None = None,
    access: str | None = None,
    views: int | None = None,
    preprocess: Callable[[Tensor], Tensor] | None = None,
    outputs: str = "logits",
    batch_size: int = 128,
    device: str | torch.device | None = None,
    progress: bool = False,
    **options: Any,
) -> SetResult:
    """Was this model trained on the set of marked images? One p-value for all of them.

    Of each image so many hidden versions are read, in its secret random order; the sum of the
    exceedances over the images has an exactly known law if the model knows nothing of the
    published indices.

    Parameters
    ----------
    model, marked, score, access, views, preprocess, outputs, batch_size, device, progress
        As in `taggant.audit`.
    group : {"used", "unused"}
        Which of the marked images are the set; the unused ones show what the test says of images
        that were not used.
    versions : int
        Hidden versions of each image, at most n - 1.
    **options
        As in `taggant.audit`.

    Returns
    -------
    SetResult

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the value and what is accepted.

    Notes
    -----
    Guarantee: for a model that is independent of the published indices, jointly, given all
    versions, P(p-value <= x) <= x for every x (docs/guarantees.md, section 5). A comparison that
    ties or an answer that moves decide counts against the set.

    Examples
    --------
    >>> import numpy as np, taggant
    >>> images = np.random.default_rng(0).integers(256, size=(10, 3, 16, 16), dtype=np.uint8)
    >>> marked = taggant.mark(images, [0, 1] * 5, n=20)
    >>> def constant(images):
    ...     return images.float().mean((2, 3))[:, :2] * 0
    >>> round(taggant.audit_set(constant, marked, versions=9).p_value, 6)
    1.0
    """
    check_marked(marked)
    check_choice("group", group, GROUPS)
    check_whole("versions", versions)
    given = options_of_model(preprocess, outputs, batch_size, device, model, options)
    members = marked.used if group == "used" else ~marked.used
    if not members.any():
        raise ValueError(f"group = {group}: the marked images have none that are {group}")
    count, depth = int(members.sum()), min(versions, marked.n - 1)
    found = asked(model, marked.only(members), score, access, views, given)
    readings, queries, _ = _read(found, [_fixed(depth, marked.n)], progress)
    if readings.fault is not None:
        return SetResult(1.0, 0.0, count, depth, queries, readings.fault)
    against = (readings.bits | readings.doubtful)[:, :depth].sum(1)
    log_p = float(rank_sum(against, depth + 1))
    return SetResult(math.exp(log_p), log_p / math.log(10), count, depth, queries)


def boundary_of(test: Test, marked: Marked, p: float) -> Boundary:
    """The test of one image.

    Raises
    ------
    ValueError
        If there is none at this n and p.
    """
    try:
        return test(n=marked.n, p=p)
    except ValueError as error:
        raise ValueError(f"p = {p} with n = {marked.n} versions: {error}") from None


def _fixed(depth: int, n: int) -> Boundary:
    """Stops after so many hidden versions, whatever they say."""
    stop = np.arange(n) + 1
    stop[depth:] = 0
    return Boundary(claim=np.full(n, -1), stop=stop)


def _read(found: Asked, until: list[Boundary] | None, progress: bool) -> tuple[Readings, int, str]:
    """What the model says, how many images it was asked about, and where."""
    instances, oracle = found.marked.instances, found.model.oracle(found.score.access)
    targets = found.targets()
    with rounds(found.model.spec, len(instances.raw), progress) as told:
        readings = read_versions(
            oracle, found.score, instances, until, progress=told, targets=targets
        )
    return readings, oracle.queries, str(oracle.device)
