"""A model that can be asked, and how it is reached and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from taggant.models.preprocessing import IMAGENET
from taggant.score import AnyOracle, Oracle
from taggant.score.oracle import Access

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors")
LIBRARIES = ("torchvision", "timm", "open_clip")
ACCEPTED = (
    "accepted are a URL, module:function, a run.py run folder, FILE.onnx, or a checkpoint "
    f"({', '.join(CHECKPOINTS)}) with --arch LIBRARY:NAME ({', '.join(LIBRARIES)})"
)
"""What ``--model`` may say."""
VICTIMS = {"classifier": "logits", "encoder": "embedding", "clip": "embedding"}
"""Kinds of models, and what they answer with."""
Target = int | str
"""What a picture's answers are compared with: a class number, or a caption."""
Targets = Callable[[Sequence[Target]], Tensor]


@dataclass(frozen=True)
class ModelOptions:
    """How a model is reached and fed.

    Attributes
    ----------
    arch : str
        LIBRARY:NAME of a checkpoint.
    victim : str
        One of `VICTIMS`; a run folder knows its own.
    classes : int
        Number of its classes.
    size : int
        Side of its input in pixels; pictures are made square as `run.py` makes them.
    mean, std : tuple of float
        Of its input, for pixels of 0..1.
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
    """

    arch: str = ""
    victim: str = "classifier"
    classes: int = 1000
    size: int = 224
    mean: tuple[float, ...] = IMAGENET[0]
    std: tuple[float, ...] = IMAGENET[1]
    batch_size: int = 32
    device: str = "cpu"
    rate: float | None = None
    timeout: float = 30.0
    retries: int = 5
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.victim not in VICTIMS:
            raise ValueError(f"--victim {self.victim}: accepted are {', '.join(VICTIMS)}")

    @property
    def answers(self) -> str:
        """What the model answers with."""
        return VICTIMS[self.victim]

    @property
    def against(self) -> str | None:
        """What its answers are compared with."""
        return {"classifier": "labels", "clip": "captions"}.get(self.victim)


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
        SHA-256 of its file or source; for an endpoint, of its URL as shown (its weights cannot be
        seen).
    answers : str
        "logits" or "embedding".
    against : str or None
        What answers are compared with: "labels", "captions" or nothing.
    oracle : callable
        Access level -> oracle.
    targets : callable
        Class numbers or captions of pictures -> what scores compare answers with, [N, ...].
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
    address: str = field(default="", repr=False)
    note: str = ""


def local_model(
    spec: str,
    fingerprint: str,
    network: nn.Module,
    options: ModelOptions,
    *,
    answers: str | None = None,
    against: str | None = None,
    targets: Targets = class_numbers,
    note: str = "",
) -> Model:
    """A model that answers in this process.

    Parameters
    ----------
    spec, fingerprint, targets, note
        See `Model`.
    network : nn.Module
        Pictures uint8 [B, C, H, W] of any size -> answers.
    options : ModelOptions
    answers, against : str, optional
        Of a model that knows better than `options`; `against` counts only beside `answers`.
    """
    network = network.to(options.device)

    def oracle(access: Access) -> Oracle:
        return Oracle(network, access, options.batch_size, options.device)

    return Model(
        spec,
        fingerprint,
        answers or options.answers,
        options.against if answers is None else against,
        oracle,
        targets,
        note=note,
    )
