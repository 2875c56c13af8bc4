"""The model of an audit: anything that `taggant.models.load` opens, and what it is asked with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from taggant.api.marked import Marked
from taggant.api.options import Test, name_of, score_of, test_of
from taggant.auditing.instance import InstanceAudit
from taggant.auditing.readings import ALL
from taggant.data.options import check_choice, check_share, check_whole
from taggant.models.load import Loadable, load
from taggant.models.model import SCORES, Model, ModelOptions, Target
from taggant.score import Score
from taggant.score.captioning import Captioning
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim

UNTIL_DECIDED = "until_decided"
OWN = ("preprocess", "outputs", "batch_size", "device")
"""Options of a model that are arguments of an audit by themselves."""


@dataclass(frozen=True)
class Asked:
    """A model, and the score that its answers are reduced to.

    Attributes
    ----------
    model : Model
    score : Score
    score_name : str
    marked : Marked
    """

    model: Model
    score: Score
    score_name: str
    marked: Marked

    @property
    def access_name(self) -> str:
        """What of the answers is seen."""
        return type(self.score.access).__name__.lower()

    def targets(self) -> Tensor:
        """What each marked image's answers are compared with, [M, ...].

        Raises
        ------
        ValueError
            If there are no labels or captions, which the score looks at.
        """
        raw, against = self.marked.instances.raw, self.model.against
        if self.model.against is None:
            return torch.zeros(len(raw), dtype=torch.int64)
        values: dict[str, Any] = {
            "labels": None if raw.labels is None else raw.labels.tolist(),
            "captions": raw.captions,
        }
        if values[str(against)] is None:
            raise ValueError(
                f"marked: the images were marked without {against}, which the answers of a "
                f"{self.model.kind} are compared with: taggant.mark(images, {against}=...)"
            )
        targets: list[Target] = list(values[str(against)])
        return self.model.targets(targets)


def asked(
    model: Loadable,
    marked: Marked,
    score: str | Score | None,
    access: str | None,
    views: int | None,
    options: ModelOptions,
) -> Asked:
    """Open a model, and choose the score that fits it.

    Raises
    ------
    ValueError, FileNotFoundError, ModuleNotFoundError
        Naming the argument, the value and what is accepted.
    """
    if views is not None:
        check_whole("views", views)
    opened = load(model, _fitted(model, options))
    chosen = score_of(score or SCORES[opened.kind], access, views)
    chosen.check(opened)
    if isinstance(chosen.statistic, Captioning):
        chosen = replace(chosen, statistic=chosen.statistic.of(opened))
    if hasattr(chosen.statistic, "prepare"):
        raise ValueError(
            f"score = {name_of(score)}: it compares with public images, which this audit does not "
            "have; choose another one"
        )
    found = Asked(opened, chosen, name_of(score or SCORES[opened.kind]), marked)
    _check_classes(found)
    return found


def check_marked(marked: object) -> None:
    """Refuse anything but marked images.

    Raises
    ------
    TypeError
    """
    if not isinstance(marked, Marked):
        raise TypeError(
            f"marked: {type(marked).__name__} is given, accepted is what taggant.mark or "
            "taggant.Marked.load returns"
        )


def options_of_model(
    preprocess: Callable[[Tensor], Tensor] | None,
    outputs: str,
    batch_size: int,
    device: str | torch.device | None,
    model: Loadable,
    others: dict[str, Any],
) -> ModelOptions:
    """The options of a call.

    Raises
    ------
    TypeError
        For an option that there is not.
    ValueError
        For a value that is not accepted.
    """
    check_names(others)
    check_whole("batch_size", batch_size)
    return replace(
        ModelOptions(
            preprocess=preprocess,
            outputs=outputs,
            batch_size=batch_size,
            device=_place(model) if device is None else str(device),
        ),
        **others,
    )


def check_names(others: Iterable[str]) -> None:
    """Refuse names that are no options of a model.

    Raises
    ------
    TypeError
    """
    known = [field.name for field in fields(ModelOptions) if field.name not in (*OWN, "prefix")]
    unknown = sorted(set(others) - set(known))
    if unknown:
        raise TypeError(f"{unknown[0]}: no such option; accepted are {', '.join((*OWN, *known))}")


def instance_audit(p: float, test: str | Test, read: str) -> InstanceAudit:
    """The audit of each image, as the stages of a run have it.

    Raises
    ------
    ValueError
    """
    check_share("p", p)
    check_choice("read", read, (ALL, UNTIL_DECIDED))
    return InstanceAudit(p=float(p), test=test_of(test), read=read)


def unit_pixels(images: Tensor) -> Tensor:
    """Pictures uint8 [B, C, H, W] to float32 of 0..1, as torchvision's ToTensor makes them."""
    return images.float() / 255


def _fitted(model: Loadable, options: ModelOptions) -> ModelOptions:
    """What a module takes of which nothing is known: pixels of 0..1, in their own size."""
    known = (
        not isinstance(model, nn.Module)
        or isinstance(model, (Victim, FiniteAnswers))
        or isinstance(getattr(model, "pretrained_cfg", None), dict)
        or options.size is not None
        or options.preprocess is not None
    )
    return options if known else replace(options, preprocess=unit_pixels)


def _place(model: Loadable) -> str:
    """Where a module is."""
    if isinstance(model, nn.Module):
        parameter = next(model.parameters(), None)
        return "cpu" if parameter is None else str(parameter.device)
    return "cpu"


def _check_classes(found: Asked) -> None:
    """Refuse labels that are none of a classifier's classes, where it can be asked for nothing."""
    raw, network = found.marked.instances.raw, found.model.network
    if network is None or found.model.against != "labels" or raw.labels is None:
        return
    oracle = found.model.oracle(found.score.access)
    classes, most = oracle.query(raw.images[:1]).shape[1], int(raw.labels.max())
    if most >= classes:
        raise ValueError(
            f"model: it answers with {classes} classes, and the labels of the marked images go up "
            f"to {most}"
        )
