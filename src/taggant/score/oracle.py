"""What an audit may ask of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from taggant.answers import evaluating

Access = Callable[[Tensor], Tensor]
"""What of an answer is visible. One with a ``layer`` looks at that method's answers."""

PRECISIONS = ("float32", "bfloat16")
FROZEN = "frozen"
COMPILED = (FROZEN, "default", "reduce-overhead", "max-autotune")
"""Weights as constants of the compiled code; and modes of ``torch.compile``, of which the second
and third replay CUDA graphs on a GPU."""
ANSWER = "__call__"
"""The layer of a model's own answer."""


class QueryError(RuntimeError):
    """A query was not answered, or not in the form that was agreed."""


class AnyOracle(Protocol):
    """What answers queries: a model here (`Oracle`), one behind HTTP, a record of the answers.

    Attributes
    ----------
    batch_size : int
        Images that are asked about at once.
    device : torch.device
        Where it takes images, and answers.
    queries : int
        Images that it answered about.
    pads : bool
        A short batch costs as much as a full one.
    """

    batch_size: int
    device: torch.device
    queries: int
    pads: bool

    def query(self, images: Tensor) -> Tensor:
        """Visible answers float32 [B, ...] to images uint8 [B, C, H, W], any B >= 1."""
        ...


class Asking(Protocol):
    """An audit: how it asks."""

    @property
    def batch_size(self) -> int:
        """Images per forward."""
        ...

    @property
    def precision(self) -> str:
        """Of the model's arithmetic."""
        ...

    @property
    def compile(self) -> str | None:
        """Mode of ``torch.compile``, if the model is compiled."""
        ...


class Oracle:
    """Answers queries about a model at one access level, and counts those that it answered.

    Every forward has the same shape (a short batch is padded), precision and device, so a version
    meets the same arithmetic wherever it stands. The model is in eval mode while it answers and
    is left as it was found: auditing does not disturb training.

    Parameters
    ----------
    model : nn.Module
        Maps images uint8 [B, C, H, W] to answers [B, ...]: logits [B, classes], say.
    access : callable
        What of the answers is visible; see `taggant.score.access`.
    batch_size : int
        Images per forward.
    device : torch.device or str
        Where the model lives.
    precision : {"float32", "bfloat16"}
        What its convolutions and products compute in, by autocast.
    mode : str, optional
        Compile the model by ``torch.compile`` in this mode, at the first query. ``"frozen"``
        answers as the model is now, whatever becomes of its weights: they are constants of the
        code, folded together and packed for the device.

    Raises
    ------
    ValueError
        For a batch size < 1, another precision, an unknown mode, or a model to be frozen that
        cannot be copied.
    RuntimeError
        At the first query, if the model cannot be compiled here.
    QueryError
        At the first query, if the model answers with anything but a tensor.
    """

    def __init__(
        self,
        model: nn.Module,
        access: Access,
        batch_size: int,
        device: torch.device | str = "cpu",
        precision: str = "float32",
        mode: str | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"audit.batch_size = {batch_size}: accepted are 1, 2, 3, ...")
        check_precision(precision)
        check_mode(mode)
        self.model = _frozen(model) if mode == FROZEN else model
        ask: Callable[[Tensor], Tensor] = getattr(self.model, layer_of(access))
        self.ask = ask if mode is None else compiled(ask, mode)
        self.access = access
        self.batch_size = batch_size
        self.pads = True
        self.device = torch.device(device)
        self.precision = precision
        self.queries = 0

    @classmethod
    def of(
        cls, audit: Asking, model: nn.Module, access: Access, device: torch.device | str
    ) -> Oracle:
        """A model, ready to answer as an audit asks it."""
        return cls(model, access, audit.batch_size, device, audit.precision, audit.compile)

    def query(self, images: Tensor) -> Tensor:
        """Visible answers float32 [B, ...] to images uint8 [B, C, H, W], any B >= 1."""
        return torch.cat([self._forward(part) for part in images.split(self.batch_size)])

    def _forward(self, images: Tensor) -> Tensor:
        count = len(images)
        # Not waiting is safe towards a GPU only: a CPU would read what has not arrived yet.
        images = images.to(self.device, non_blocking=self.device.type == "cuda")
        if count < self.batch_size:
            padding = images[-1:].expand(self.batch_size - count, *images.shape[1:])
            images = torch.cat([images, padding])
        with torch.inference_mode(), evaluating(self.model), self._autocast():
            answers = self.access(self._answered(images))[:count]
        self.queries += count
        return answers

    def _answered(self, images: Tensor) -> Tensor:
        answers: object = self.ask(images)
        if not isinstance(answers, Tensor):
            raise QueryError(
                f"{type(self.model).__name__} answered with a {type(answers).__name__}, accepted "
                "is a tensor [B, ...]: wrap it in a module that returns the logits"
            )
        return answers

    def _autocast(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"
        )


def check_precision(precision: str) -> None:
    """Refuse what no oracle computes in."""
    if precision not in PRECISIONS:
        accepted = " and ".join(map(repr, PRECISIONS))
        raise ValueError(f"audit.precision = {precision!r}: accepted are {accepted}")


def check_mode(mode: str | None) -> None:
    """Refuse what ``torch.compile`` does not know."""
    if mode not in (None, *COMPILED):
        accepted = ", ".join(map(repr, COMPILED))
        raise ValueError(f"audit.compile = {mode!r}: accepted are {accepted} and null")


def _frozen(model: nn.Module) -> nn.Module:
    """A copy. What is compiled into code must not change, and nobody trains a copy's weights."""
    try:
        return deepcopy(model).eval()
    except Exception as error:  # a model's own code may raise anything
        raise ValueError(
            f"audit.compile = {FROZEN!r}: {type(model).__name__} cannot be copied ({error}); "
            "'default' compiles the model itself"
        ) from error


def compiled(ask: Callable[[Tensor], Tensor], mode: str) -> Callable[[Tensor], Tensor]:
    """The same function, compiled for the one shape of batch that it meets."""
    from torch._dynamo.exc import TorchDynamoException  # seconds, which only this should cost
    from torch._inductor import config

    # Of two modes, kernels differ by what may be tuned; answers of one oracle are all of one.
    if mode == FROZEN:
        made = torch.compile(_alone(ask), dynamic=False)
        compiling: Callable[[], AbstractContextManager[Any]] = partial(config.patch, freezing=True)
    else:
        made, compiling = torch.compile(ask, dynamic=False, mode=mode), nullcontext

    def call(images: Tensor) -> Tensor:
        try:
            with compiling():
                answers: Tensor = made(images)
        except TorchDynamoException as error:
            cause = str(error).strip().splitlines()[0]
            raise RuntimeError(
                f"audit.compile = {mode!r}: PyTorch cannot compile this model here ({cause}); it "
                "needs a C++ compiler, on a GPU Triton. audit.compile=null asks it as it is"
            ) from error
        # The next replay of a CUDA graph writes over them.
        return answers.clone() if isinstance(answers, Tensor) else answers

    return call


def _alone(ask: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same function by code of its own: torch.compile knows by its code what it compiled, and
    would answer for one model's weights by what it made for another's."""

    def asked(images: Tensor) -> Tensor:
        return ask(images)

    asked.__code__ = asked.__code__.replace()
    return asked


def arithmetic(audit: Mapping[str, Any]) -> dict[str, Any]:
    """What of an audit's config answers depend on: part of an artifact's identity."""
    compiled = {"compile": audit["compile"]} if audit.get("compile") else {}
    return {"precision": audit.get("precision"), **compiled}


def layer_of(access: Access) -> str:
    """Name of the model's method that an access level looks at."""
    return getattr(access, "layer", ANSWER)
