"""What the answers of an endpoint say, and what is wrong with those that cannot be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import torch
from torch import Tensor

from taggant.answers import HIDDEN
from taggant.score.oracle import QueryError

REQUEST = '{"images": [PNG as base64, ...]}'
ANSWERS = ("logits", "confidences", "labels")
"""Keys of a classifier's answer; of several, the first is read."""
SMALLEST = 1e-12
SLACK = 0.01
"""How far confidences in 16 bits may sum from 1."""
DIGITS = 6
PERCENT = 100.0
ADAPTERS = "examples/adapters"
FOREIGN = {
    "predictions": "tf_serving.py",
    "outputs": "kserve_v2.py",
    "data": "gradio_app.py",
    "event_id": "gradio_app.py",
}
"""Keys of other protocols, and the adapter that speaks them."""


def classified(answer: object, count: int, classes: int) -> tuple[str, Tensor]:
    """The key that a classifier answered with, and log-confidences float32 [count, classes].

    Raises
    ------
    QueryError
        If the answer cannot be read as that.
    """
    key, found = _entry(answer, ANSWERS)
    if key == "labels":
        shown = torch.nn.functional.one_hot(_labels(found, count, classes), classes)
        rows = shown.double().clamp(min=HIDDEN)
    else:
        rows = _rows(key, found, count)
        if rows.shape[1] != classes:
            raise QueryError(
                f"the answer's '{key}' have shape {list(rows.shape)}; accepted is "
                f"[{count}, {classes}]: as many numbers a picture as the model has classes"
            )
    if key == "logits":
        return key, rows.log_softmax(1).float()
    if key == "confidences":
        _check_confidences(rows)
        # A floor for zeros that does not level the small confidences of well-learnt images.
        rows = rows.clamp(min=SMALLEST)
    return key, (rows / rows.sum(1, keepdim=True)).log().float()


def embedded(answer: object, count: int) -> Tensor:
    """Unit vectors float32 [count, D].

    Raises
    ------
    QueryError
        If the answer cannot be read as that.
    """
    rows = _rows(*_entry(answer, ("embeddings",)), count)
    return torch.nn.functional.normalize(rows, dim=1).float()


def spread(shown: Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Confidences of all classes where some are shown by name; the others share what is left.

    Parameters
    ----------
    shown : mapping
        Name of a class -> its confidence.
    names : sequence of str
        The classes in the order of their numbers.

    Raises
    ------
    QueryError
        If a name is none of theirs.
    """
    if not isinstance(shown, Mapping):
        raise QueryError(f"the answer holds {_kind(shown)} where classes by name are due")
    unknown = sorted(set(shown) - set(names))
    if unknown:
        raise QueryError(
            f"the answer names {unknown[0]!r}, which is none of the {len(names)} classes "
            f"({', '.join(names[:3])}, ...)"
        )
    rest = max(1 - sum(shown.values()), HIDDEN) / max(len(names) - len(shown), 1)
    return [shown.get(name, rest) for name in names]


def _entry(answer: object, accepted: tuple[str, ...]) -> tuple[str, object]:
    """The first of the accepted keys that the answer has, and what stands there."""
    if isinstance(answer, Mapping):
        for key in accepted:
            if key in answer:
                return key, answer[key]
    none = f"neither '{accepted[0]}'" if len(accepted) > 1 else f"no '{accepted[0]}'"
    others = "".join(f" nor '{key}'" for key in accepted[1:])
    raise QueryError(f"the answer ({_kind(answer)}) has {none}{others}; {hint(answer)}")


def _kind(answer: object) -> str:
    if isinstance(answer, Mapping):
        names = [str(key)[:20] for key in list(answer)[:4]]
        return f"an object with {', '.join(names) or 'no key'}{', ...' * (len(answer) > 4)}"
    return {list: "a list", str: "a text", type(None): "null"}.get(type(answer), "a number")


def hint(answer: object) -> str:
    """Which adapter reads an answer of another form."""
    if isinstance(answer, Mapping):
        for key, adapter in FOREIGN.items():
            if key in answer:
                return f"{ADAPTERS}/{adapter} reads answers with '{key}'"
    first = answer
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(first, Mapping) and {"label", "score"} <= set(first):
        return f"{ADAPTERS}/transformers_pipeline.py reads lists of labels with scores"
    if isinstance(first, Mapping) and any(_is_number(value) for value in first.values()):
        return f"{ADAPTERS}/top5.py reads classes with their confidences"
    return f"adapters for other protocols: {ADAPTERS}"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _fits(value: object) -> bool:
    return isinstance(value, float) or (_is_number(value) and abs(value) < 1 << 63)


def _rows(key: str, found: object, count: int) -> Tensor:
    """Numbers of `count` pictures, float64 [count, D], all finite and within float32's range."""
    try:
        rows = torch.tensor(found, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise QueryError(f"the answer's '{key}' {_unreadable(found)}") from None
    if rows.ndim != 2 or len(rows) != count or rows.shape[1] < 1:
        raise QueryError(
            f"the answer's '{key}' have shape {list(rows.shape)}; accepted is a list of numbers "
            f"for each of {count} pictures"
        )
    for bad, name in ((rows.isnan(), "NaN"), (~rows.float().isfinite(), "an infinite number")):
        if bad.any():
            row = int(bad.any(1).nonzero()[0])
            raise QueryError(f"the answer's '{key}' hold {name} (picture {row + 1} of {count})")
    return rows


def _unreadable(found: object) -> str:
    rows = found if isinstance(found, list) else [found]
    lists = [row for row in rows if isinstance(row, list)]
    if len(lists) < len(rows):
        return "are no list of lists of numbers"
    flat: list[object] = [value for row in lists for value in row]
    if None in flat:
        return "hold null, which is how many servers write NaN"
    odd = next((value for value in flat if not _fits(value)), None)
    if odd is not None:
        return f"hold {str(odd)[:40]!r} where a number is due"
    return f"have rows of different lengths: {', '.join(str(n) for n in {*map(len, lists)})}"


def _labels(found: object, count: int, classes: int) -> Tensor:
    if not isinstance(found, list) or len(found) != count:
        raise QueryError(f"the answer's 'labels' are no list of {count} numbers")
    for label in found:
        if type(label) is not int or not 0 <= label < classes:
            raise QueryError(
                f"the answer's 'labels' hold {str(label)[:40]!r}; accepted are class numbers, 0 to "
                f"{classes - 1}"
            )
    return torch.tensor(found)


def _check_confidences(rows: Tensor) -> None:
    if (rows < 0).any():
        raise QueryError(
            f"the answer's 'confidences' hold {rows.min():g}, which is negative: logits belong "
            "under the key 'logits'"
        )
    total = rows.sum(1)
    above, below = _explained(rows)
    wrong = (total > above) | (total < below)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise QueryError(
            f"the answer's 'confidences' of picture {row + 1} of {len(rows)} sum to "
            f"{total[row]:.4g}, not 1: {_advice(float(total[row]))}"
        )


def _advice(total: float) -> str:
    if abs(total / PERCENT - 1) < 2 * SLACK:
        return "divide percents by 100"
    if total > 1:
        return "numbers before softmax or sigmoid belong under the key 'logits'"
    return (
        "where only the largest are shown, share what is left among the other classes "
        f"({ADAPTERS}/top5.py does)"
    )


def _explained(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Largest and smallest sum [B] that rounding or cutting off decimals makes of 1."""
    unit = next((10.0**-d for d in range(DIGITS + 1) if _in_units(rows, 10.0**d)), 0.0)
    shown = (rows > 0).sum(1)
    above = 1 + SLACK + min(unit, 0.1) / 2 * shown  # whole numbers: one class of confidence 1
    below = torch.full_like(above, 1 - SLACK - unit * rows.shape[1])
    return above, below


def _in_units(rows: Tensor, scale: float) -> bool:
    scaled = rows * scale
    return bool(((scaled - scaled.round()).abs() < 1e-6).all())
