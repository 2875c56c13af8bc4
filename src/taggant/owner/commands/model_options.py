"""Options of the commands that ask a model."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from taggant.models.model import VICTIMS, Model, ModelOptions
from taggant.owner.commands.console import note
from taggant.owner.commands.option_groups import OptionGroup
from taggant.owner.commands.parse import parse_numbers
from taggant.owner.models.open import open_model


@dataclass(frozen=True)
class ModelKind(OptionGroup):
    """What the model is, and what it takes."""

    heading: ClassVar[str] = "The model"
    victim: Annotated[
        str | None, typer.Option(help=f"what the model is: {', '.join(VICTIMS)}; or its own kind")
    ] = None
    arch: Annotated[
        str, typer.Option(help="of a checkpoint: torchvision:NAME, timm:NAME, open_clip:NAME")
    ] = ""
    weights: Annotated[
        Path | None, typer.Option(help="file of the weights of torchvision:NAME and the like")
    ] = None
    size: Annotated[
        int | None, typer.Option(min=1, help="side of the model's input in pixels; or its own")
    ] = None
    mean: Annotated[
        str, typer.Option(help="three numbers of a local model's input, 0..1; or its own")
    ] = ""
    std: Annotated[
        str, typer.Option(help="three numbers of a local model's input, 0..1; or its own")
    ] = ""
    batch: Annotated[int, typer.Option(min=1, help="pictures per request or forward")] = 32


@dataclass(frozen=True)
class EndpointAccess(OptionGroup):
    """How a model behind a URL is reached."""

    heading: ClassVar[str] = "A model behind a URL"
    rate: Annotated[float | None, typer.Option(min=1e-6, help="most pictures per second")] = None
    retries: Annotated[int, typer.Option(min=0, help="further tries of a failed request")] = 5
    timeout: Annotated[float, typer.Option(min=1e-3, help="seconds to wait for an answer")] = 30.0
    header: Annotated[
        list[str] | None, typer.Option(help="NAME=VARIABLE: HTTP header from the environment")
    ] = None


def model_options(
    kind: ModelKind, access: EndpointAccess, classes: int, usual: int = 0
) -> ModelOptions:
    """The options of both groups together.

    Parameters
    ----------
    kind, access
        The groups.
    classes : int
        Number of classes that were named; 0 if none were.
    usual : int
        The number where the model does not know it either; 0 for none.

    Raises
    ------
    ValueError
        Naming the option that is wrong.
    """
    return ModelOptions(
        arch=kind.arch,
        weights=kind.weights,
        victim=kind.victim,
        classes=classes or None,
        usual_classes=usual or None,
        size=kind.size,
        mean=parse_numbers("--mean", kind.mean) if kind.mean else None,
        std=parse_numbers("--std", kind.std, 0) if kind.std else None,
        batch_size=kind.batch,
        rate=access.rate,
        timeout=access.timeout,
        retries=access.retries,
        headers=_headers(access.header or []),
        prefix="--",
    )


def opened(spec: str, options: ModelOptions) -> Model:
    """The model; what its user should know of it is said."""
    model = open_model(spec, options)
    if model.note:
        note(f"note: {model.note}")
    return model


def _headers(pairs: Sequence[str]) -> dict[str, str]:
    """HTTP headers, whose values are read from the environment so that no key stands in a log.

    What was typed is shown only where it cannot be the key itself.
    """
    headers = {}
    for pair in pairs:
        name, _, variable = pair.partition("=")
        if not re.fullmatch(r"[\w-]+", name) or not re.fullmatch(r"[A-Za-z_]\w*", variable):
            raise ValueError(
                "--header: accepted is NAME=VARIABLE, where VARIABLE is the name of an environment "
                "variable (letters, digits, _) that holds the value; the value itself is not"
            )
        if variable not in os.environ:
            typed = "(not shown)" if re.search(r"\d", variable) else variable
            raise ValueError(f"--header {name}: the environment has no variable {typed}")
        headers[name] = os.environ[variable]
    return headers
