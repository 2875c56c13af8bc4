"""Less is shown than the model knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from taggant.defence.defence import Defence


class Shown(Defence):
    """Shows of its confidences what an access level shows: rounded ones, the largest, the label.

    An auditor who knows of it is no worse off than one who is given that access; see
    `taggant.score.access`.

    Parameters
    ----------
    access : callable
        Logits [B, classes] -> log-confidences [B, classes].
    """

    of_logits: ClassVar[bool] = True

    def __init__(self, access: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.access = access

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """See `Defence.answer`."""
        return self.access(answers)


class Warm(Defence):
    """Divides logits by a temperature: confidences lie closer together, their order stays.

    Parameters
    ----------
    temperature : float
        Above 0; 1 changes nothing.

    Raises
    ------
    ValueError
        For another.
    """

    of_logits: ClassVar[bool] = True

    def __init__(self, temperature: float) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(
                f"defence.temperature.temperature = {temperature}: accepted are numbers above 0"
            )
        self.temperature = temperature

    def answer(self, answers: Tensor, images: Tensor) -> Tensor:
        """See `Defence.answer`."""
        return answers.float() / self.temperature
