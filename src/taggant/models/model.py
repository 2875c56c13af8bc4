"""A model that can be asked, and how it is reached and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from taggant.answers import evaluating
from taggant.models.preprocessing import Preprocessing
from taggant.score import AnyOracle, Oracle
from taggant.score.oracle import Access

VICTIMS = {
    "classifier": "logits",
    "encoder": "embedding",
    "clip": "embedding",
    "captioner": "tokens",
}
"""Kinds of models, and what they answer with."""
AGAINST = {"classifier": "labels", "clip": "captions", "captioner": "captions"}
"""What the answers of a kind are compared with; of the others, with each other."""
SCORES = {
    "classifier": "margin",
    "encoder": "pairwise_cosine",
    "clip": "image_text",
    "captioner": "captioning",
}
"""Score of ``conf/score`` that is taken for a kind of model where none is named."""
OUTPUTS = ("logits", "probabilities")
Target = int | str
"""What a picture's answers are compared with: a class number, or a caption."""
Targets = Callable[[Sequence[Target]], Tensor]
CaptioningLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class ModelOptions:
    """What a model's name does not say of it. None: as the model itself says, else the usual.

    Attributes
    ----------
    arch : str
        LIBRARY:NAME of a checkpoint.
    weights : Path, optional
        File of the weights of an architecture.
    victim : str, optional
        One of `VICTIMS`; usually a classifier.
    classes : int, optional
        Number of its classes.
    usual_classes : int, optional
        The same, where neither `classes` nor the model says it.
    size : int, optional
        Side of its input in pixels, usually 224; of pictures it sees the central square then.
    mean, std : tuple of float, optional
        Of its input, for pixels of 0..1; usually ImageNet's.
    interpolation : str, optional
        How pictures are resized for it, usually bicubic.
    preprocess : callable, optional
        Of a module or function: pictures uint8 [B, C, H, W] -> what it takes, instead of all that.
    outputs : str
        What a module or function classifies with: "logits" or "probabilities".
    batch_size : int
        Images per forward or request.
    device : str
    rate : float, optional
        Most images per second that an endpoint is sent.
    timeout : float
        Seconds for a whole answer of an endpoint.
    retries : int
        Further tries of a failed request.
    headers : mapping
        HTTP headers (keys); never written anywhere.
    prefix : str
        What stands before an option's name where its user typed it, for messages.
    """

    arch: str = ""
    weights: Path | None = None
    victim: str | None = None
    classes: int | None = None
    usual_classes: int | None = None
    size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    interpolation: str | None = None
    preprocess: Callable[[Tensor], Tensor] | None = None
    outputs: str = "logits"
    batch_size: int = 32
    device: str = "cpu"
    rate: float | None = None
    timeout: float = 30.0
    retries: int = 5
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.victim is not None and self.victim not in VICTIMS:
            key = self.key("victim")
            raise ValueError(f"{key} {self.victim}: accepted are {', '.join(VICTIMS)}")
        if self.outputs not in OUTPUTS:
            key = self.key("outputs")
            raise ValueError(f"{key} = {self.outputs!r}: accepted are {', '.join(OUTPUTS)}")

    def key(self, option: str) -> str:
        """An option as its user typed it."""
        return f"{self.prefix}{option}"

    @property
    def kind(self) -> str:
        """What the model is, where it does not say so itself."""
        return self.victim or "classifier"

    @property
    def class_count(self) -> int | None:
        """Number of its classes, where the model does not say so itself."""
        return self.classes or self.usual_classes

    def check_kind(self, kind: str, spec: str) -> None:
        """Refuse another kind than the one that a model is.

        Raises
        ------
        ValueError
        """
        if self.victim not in (None, kind):
            raise ValueError(f"{self.key('victim')} {self.victim}: {spec} is a {kind}")

    def check_classes(self, classes: int, spec: str) -> None:
        """Refuse another number of classes than a model has.

        Raises
        ------
        ValueError
        """
        if self.classes not in (None, classes):
            raise ValueError(
                f"{self.key('classes')}: {self.classes} are given, and {spec} has {classes}"
            )

    def preprocessing(self, own: Preprocessing | None = None) -> Preprocessing:
        """A model's own preprocessing, or the usual one, with what its user says otherwise."""
        usual = own or Preprocessing()
        said = {
            name: value
            for name in ("size", "mean", "std", "interpolation")
            if (value := getattr(self, name)) is not None
        }
        if said.get("size", usual.size) != usual.size:
            said["edge"] = None
        return replace(usual, **said)


def class_numbers(targets: Sequence[Target]) -> Tensor:
    """Class numbers, int64 [N]."""
    return torch.tensor([int(target) for target in targets])


@dataclass(frozen=True)
class Model:
    """A model that can be asked.

    Attributes
    ----------
    spec : str
        As the user named it; of a URL, what may be shown.
    fingerprint : str
        SHA-256 of its files, source or weights; for an endpoint, of its URL as shown (its weights
        cannot be seen).
    answers : str
        "logits", "embedding" or "tokens".
    against : str or None
        What answers are compared with: "labels", "captions" or nothing.
    oracle : callable
        Access level -> oracle.
    targets : callable
        Class numbers or captions of pictures -> what scores compare answers with, [N, ...].
    network : nn.Module, optional
        Pictures uint8 [B, C, H, W] of any size -> answers; of a model that answers here.
    classes : tuple of str
        Names of its classes in its order, where it knows them.
    captioning_loss : callable, optional
        Of a captioner: (answers [B, T, D], tokens int64 [B, context]) -> mean negative
        log-likelihood of a caption's tokens, [B].
    address : str
        The whole URL of an endpoint, which may hold keys; never written anywhere.
    note : str
        What its user should know before it is asked.
    """

    spec: str
    fingerprint: str
    answers: str
    against: str | None
    oracle: Callable[[Access], AnyOracle] = field(repr=False)
    targets: Targets = field(default=class_numbers, repr=False)
    network: nn.Module | None = field(default=None, repr=False)
    classes: tuple[str, ...] = ()
    captioning_loss: CaptioningLoss | None = field(default=None, repr=False)
    address: str = field(default="", repr=False)
    note: str = ""

    @property
    def kind(self) -> str:
        """One of `VICTIMS`."""
        asked = self.answers, self.against
        return next(kind for kind in VICTIMS if (VICTIMS[kind], AGAINST.get(kind)) == asked)


def check_answers(model: Model, place: str) -> None:
    """Ask a local model about a grey picture, and of captions for one.

    Raises
    ------
    ValueError
        If it cannot be asked, with what may be wrong.
    """
    assert model.network is not None
    grey = torch.full((1, 3, 64, 64), 128, dtype=torch.uint8)
    device = next((weight.device for weight in model.network.parameters()), grey.device)
    try:
        with torch.inference_mode(), evaluating(model.network):
            model.network(grey.to(device))
        if model.against == "captions":
            model.targets(["a picture"])
    except Exception as error:  # a network of wrong numbers may raise anything
        raise ValueError(
            f"{place}: the network that it describes fails when it is asked ({error!s:.300}): are "
            "its numbers, and the size of its input, those of its weights?"
        ) from error


def local_model(
    spec: str,
    fingerprint: str,
    network: nn.Module,
    options: ModelOptions,
    *,
    kind: str | None = None,
    targets: Targets = class_numbers,
    classes: tuple[str, ...] = (),
    captioning_loss: CaptioningLoss | None = None,
    note: str = "",
) -> Model:
    """A model that answers in this process.

    Parameters
    ----------
    spec, fingerprint, targets, classes, captioning_loss, note
        See `Model`.
    network : nn.Module
        Pictures uint8 [B, C, H, W] of any size -> answers.
    options : ModelOptions
    kind : str, optional
        One of `VICTIMS`, of a model that knows better than `options`.
    """
    network = network.to(options.device)
    kind = kind or options.kind

    def oracle(access: Access) -> Oracle:
        return Oracle(network, access, options.batch_size, options.device)

    return Model(
        spec,
        fingerprint,
        VICTIMS[kind],
        AGAINST.get(kind),
        oracle,
        targets,
        network,
        classes,
        captioning_loss,
        note=note,
    )
