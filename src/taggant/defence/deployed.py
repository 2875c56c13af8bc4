"""A victim behind its maker's defences, as the world may ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from taggant.data.imageset import ImageSet
from taggant.defence.defence import Defence
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim
from taggant.victim.wrapped import Wrapped


class Deployed(Wrapped):
    """Answers as its defences let it.

    Parameters
    ----------
    victim : Victim or FiniteAnswers
    defences : sequence of Defence
        In the order in which an image meets them.
    """

    def __init__(self, victim: Victim | FiniteAnswers, defences: Sequence[Defence]) -> None:
        super().__init__(victim)
        self.defences = nn.ModuleList(defences)

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 [B, C, H, W] -> what is answered."""
        met: list[tuple[Defence, Tensor]] = []
        for defence in self.defences:
            assert isinstance(defence, Defence)
            met.append((defence, images))
            images = defence.question(images)
        answers: Tensor = self.victim(images)
        for defence, seen in reversed(met):
            answers = defence.answer(answers, seen)
        return answers

    def utility(self, data: ImageSet) -> float:
        """What the model is good for behind its defences, as far as they stand before it."""
        victim: Any = self.victim
        measured: float = type(getattr(victim, "victim", victim)).utility(self, data)
        return measured


def check_defences(defences: Sequence[Defence], victim: type[Victim], layer: str | None) -> None:
    """Refuse defences that do not fit the kind of victim, or the layer that is asked.

    Parameters
    ----------
    defences : sequence of Defence
    victim : type
    layer : str or None
        The victim's method that is asked, where that is not its answer.

    Raises
    ------
    ValueError
    """
    for defence in defences:
        name = type(defence).__name__
        if defence.of_logits and victim.answers != "logits":
            raise ValueError(
                f"defence: {name} changes the confidences of a classifier, and {victim.__name__} "
                f"answers with {victim.answers}: choose another defence or a classifier"
            )
        if layer is not None:
            raise ValueError(
                f"defence: {name} stands before the model's answer, and score.access asks its "
                f"layer {layer!r}: choose the access level of the answer itself"
            )
