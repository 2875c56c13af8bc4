"""Which pictures are worth watching: those that a public model finds hard.

What a model has to learn by heart is found more often. Nothing here enters a guarantee: it is a
guess of power, by a model that never saw the pictures.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from taggant.models.model import Model
from taggant.owner import kinds, pictures
from taggant.owner.labels import Classes, Labelling, classes_of
from taggant.score import Score, membership
from taggant.score.access import Full

BASIS = (
    "By the margin of the model's answer: log of its odds of the picture's label. In trials "
    "(CIFAR-10 photographs, one small network, marks of 28 dB) .67 of used pictures that a public "
    "model got wrong were found at p = .05, and .33 of the easiest quarter. That is the whole "
    "basis: for other pictures, models and marks only the order is to be expected, and no error "
    "rate rests on it."
)


@dataclass(frozen=True)
class Candidate:
    """A picture, and how sure a public model is of its label.

    Attributes
    ----------
    name, label : str
    margin : float
        The smaller, the harder: the better worth watching.
    """

    name: str
    label: str
    margin: float


def pick(
    folder: Path, model: Model, labelling: Labelling, classes: Sequence[str] = ()
) -> list[Candidate]:
    """The pictures of a folder, hardest first.

    Parameters
    ----------
    folder : Path
        Raw pictures; nothing is written.
    model : Model
        A public classifier, which never saw them.
    labelling : Labelling
        What they show.
    classes : sequence of str
        The model's, in its order; left out, its own or the labels.

    Raises
    ------
    ValueError
        For pictures that are unreadable, or have no label among the classes.
    """
    names = kinds.find(folder).pictures
    labels = {name: label for name, (label, _) in labelling.for_files(names).items()}
    numbers = Classes(classes_of(list(labels.values()), tuple(classes) or model.classes))
    score = Score(membership.margin, Full())
    score.check(model)
    oracle = model.oracle(score.access)
    shapes = defaultdict(list)
    for name in names:
        pixels = pictures.read(folder / name).pixels
        shapes[tuple(pixels.shape)].append((name, pixels))
    found = []
    for group in shapes.values():
        images = torch.stack([pixels for _, pixels in group])
        targets = model.targets([numbers.number(labels[name]) for name, _ in group])
        views = score.draw_views([0] * len(group))
        values = score(oracle, images, targets, views).tolist()
        found += [
            Candidate(name, labels[name], value)
            for (name, _), value in zip(group, values, strict=True)
        ]
    return sorted(found, key=lambda one: (one.margin, one.name))


def to_csv(found: Sequence[Candidate]) -> bytes:
    """One line a picture, hardest first: rank, name, label, margin."""
    stream = io.StringIO(newline="")
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["rank", "name", "label", "margin"])
    rows.writerows([k, one.name, one.label, f"{one.margin:.4f}"] for k, one in enumerate(found, 1))
    return stream.getvalue().encode()
