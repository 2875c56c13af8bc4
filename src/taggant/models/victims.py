"""Models that are victims of this package."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taggant.data.imageset import ImageSet
from taggant.models.model import (
    AGAINST,
    VICTIMS,
    Model,
    ModelOptions,
    Target,
    Targets,
    class_numbers,
    local_model,
)
from taggant.models.preprocessing import Preprocessing, WithPreprocessing
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim

AnyVictim = Victim | FiniteAnswers


def victim_model(
    spec: str, fingerprint: str, victim: AnyVictim, size: int | None, options: ModelOptions
) -> Model:
    """One of this package's victims, as a model; pictures are fitted to `size`, if there is one."""
    kind = kind_of(victim)
    options.check_kind(kind, spec)
    network = victim if size is None else WithPreprocessing(victim, Preprocessing(size, None, None))
    targets = caption_targets(victim) if victim.against == "captions" else class_numbers
    loss = getattr(victim, "captioning_loss", None)
    return local_model(
        spec, fingerprint, network, options, kind=kind, targets=targets, captioning_loss=loss
    )


def kind_of(victim: AnyVictim) -> str:
    """What one of this package's victims is, see `taggant.models.model.VICTIMS`."""
    asked = victim.answers, victim.against
    for kind, answers in VICTIMS.items():
        if (answers, AGAINST.get(kind)) == asked:
            return kind
    raise ValueError(
        f"{type(victim).__name__} answers with {victim.answers}: accepted are models that answer "
        f"with {', '.join(sorted(set(VICTIMS.values())))}; runs of run.py audit others"
    )


def caption_targets(victim: AnyVictim) -> Targets:
    """Captions as an image-text victim has them; the pictures beside them play no part."""

    def targets(captions: Sequence[Target]) -> Tensor:
        data = ImageSet(
            images=torch.zeros(len(captions), 3, 1, 1, dtype=torch.uint8),
            ids=tuple(map(str, range(len(captions)))),
            labels=None,
            captions=tuple(map(str, captions)),
            name="captions",
            class_names=(),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
        )
        return victim.targets(data)

    return targets
