"""A model that can be asked, and how it is reached and fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from taggant.data.decode import square
from taggant.owner.pictures import to_image
from taggant.score import AnyOracle, Oracle
from taggant.score.oracle import Access

CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors")
LIBRARIES = ("torchvision", "timm", "open_clip")
NAMED = (
    "accepted are a URL, module:function, a run.py run folder, FILE.onnx, or a checkpoint "
    f"({', '.join(CHECKPOINTS)}) with --arch LIBRARY:NAME ({', '.join(LIBRARIES)})"
)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
VICTIMS = {"classifier": "logits", "encoder": "embedding", "clip": "embedding"}
"""Kinds of models, and what they answer with."""
Target = int | str
"""What a picture's answers are compared with: a class number, or a caption."""


@dataclass(frozen=True)
class Options:
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
    def against(self) -> str:
        """What its answers are compared with."""
        return {"classifier": "labels", "clip": "captions"}.get(self.victim, "nothing")


def numbers(targets: Sequence[Target]) -> Tensor:
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
    against : str
        What answers are compared with: "labels", "captions" or "nothing".
    oracle : callable
        Access level -> oracle.
    targets : callable
        Class numbers or captions -> what scores compare answers with, [N, ...].
    address : str
        The whole URL of an endpoint, which may hold keys; never written anywhere.
    note : str
        What its user should know before it is asked.
    """

    spec: str
    fingerprint: str
    answers: str
    against: str
    oracle: Callable[[Access], AnyOracle] = field(repr=False)
    targets: Callable[[Sequence[Target]], Tensor] = field(default=numbers, repr=False)
    address: str = field(default="", repr=False)
    note: str = ""


class WithPreprocessing(nn.Module):
    """A network behind its preprocessing: takes pictures of any size and mode.

    Parameters
    ----------
    net : callable
        (float or uint8 squares [B, 3, size, size]) -> answers.
    size : int
    mean, std : sequence of float, optional
        Normalisation of pixels of 0..1; without, the net takes uint8.
    """

    def __init__(
        self,
        net: Callable[[Tensor], Tensor],
        size: int,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.size = size
        self.mean = None if mean is None else torch.tensor(mean).view(1, -1, 1, 1)
        self.std = None if std is None else torch.tensor(std).view(1, -1, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Pictures uint8 [B, C, H, W], C = 1 to 4, to answers."""
        inputs = squares(images, self.size).to(images.device)
        if self.mean is None or self.std is None:
            return self.net(inputs)
        pixels = inputs.float() / 255
        return self.net((pixels - self.mean.to(pixels.device)) / self.std.to(pixels.device))


def squares(images: Tensor, size: int) -> Tensor:
    """Pictures uint8 [B, C, H, W], C = 1 to 4, as a model takes them, uint8 [B, 3, size, size]."""
    return torch.stack([square(to_image(image), size) for image in images.cpu()])


def local(spec: str, fingerprint: str, module: nn.Module, options: Options, **other: Any) -> Model:
    """A model that answers in this process; `other` are fields that `options` do not say."""
    module = module.to(options.device)

    def oracle(access: Access) -> Oracle:
        return Oracle(module, access, options.batch_size, options.device)

    facts = {"answers": options.answers, "against": options.against, "oracle": oracle, **other}
    return Model(spec, fingerprint, **facts)
