"""The trained victim of a run folder of ``run.py``, which may be anybody's.

Nothing of the run is composed or computed again: of its record the digests of two artifacts are
taken, of its config what decides how the victim answers (`taggant.owner.components.victim`), and
of the store beside it weights as tensors.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import ConfigDict, Field, StringConstraints
from safetensors import SafetensorError, safe_open

from taggant.canonical import canonical_json
from taggant.files import sha256
from taggant.models.model import (
    Model,
    ModelOptions,
)
from taggant.models.victims import victim_model
from taggant.owner.components.victim import Images, VictimConfig, victim_from_config
from taggant.owner.schema import Hex32, Line, Schema, SchemaError, parse, read_bounded
from taggant.store.manifest import MANIFEST
from taggant.victim import training
from taggant.victim.finite_answers import FiniteAnswers
from taggant.victim.victim import Victim

OUTCOME = "unlearning.json"
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Channels = Annotated[tuple[Annotated[float, Field(gt=-1e3, lt=1e3)], ...], Field(max_length=16)]


class Excerpt(Schema):
    """A file of which only some fields are read."""

    model_config = ConfigDict(extra="ignore")


class Stored(Excerpt):
    """A stage of a run's record."""

    digest: Digest


class Stages(Excerpt):
    """The stages that are looked for."""

    data: Stored
    unlearn: Stored


class Result(Excerpt):
    """``result.json``."""

    stages: Stages


class Config(Excerpt):
    """``config.json``."""

    victim: dict[str, object]
    defence: dict[str, object] = Field(default_factory=dict)


class Data(Excerpt):
    """``imageset.json``."""

    class_names: Annotated[tuple[Line, ...], Field(max_length=100_000)]
    mean: Channels
    std: Channels


class Outcome(Excerpt):
    """``unlearning.json``."""

    status: Literal["ok", "diverged", "collapsed"]


class Manifest(Excerpt):
    """``manifest.json``."""

    files: dict[str, Hex32]


AnySchema = TypeVar("AnySchema", bound=Schema)
Asked = Victim | FiniteAnswers
"""What is asked: a victim, or one that training or unlearning broke, made safe to ask."""


@dataclass(frozen=True)
class Trained:
    """A trained victim.

    Attributes
    ----------
    victim : Victim or FiniteAnswers
    size : int
        Side of its input.
    digest : str
        SHA-256 of its weights and of how it answers with them.
    """

    victim: Asked
    size: int
    digest: str


def run_folder(folder: Path, options: ModelOptions) -> Model:
    """The victim of a run folder, as a model to audit."""
    trained = victim_of(folder)
    return victim_model(str(folder), trained.digest, trained.victim, trained.size, options)


def victim_of(folder: Path) -> Trained:
    """The trained victim of a run folder.

    Raises
    ------
    FileNotFoundError
        If it is no folder of a finished run, or its store is not beside it.
    ValueError
        If its victim is none of this package's, or a file is damaged.
    """
    if not (folder / "result.json").exists():
        raise FileNotFoundError(
            f"{folder}: no run folder of a finished run of run.py (no result.json)"
        )
    stages = _read(Result, folder / "result.json").stages
    store = _store(folder, stages)
    final = store / "unlearn" / stages.unlearn.digest
    images = _images(store / "data" / stages.data.digest / "train")
    config = folder / "config.json"
    said = _read(Config, config)
    if said.defence:
        raise ValueError(
            f"{config}: the model stands behind defences ({', '.join(sorted(said.defence))}), "
            "which are not read from a run folder: ask the model where it answers"
        )
    try:
        description = victim_from_config(said.victim)
    except SchemaError as error:
        raise SchemaError(f"{config}: {error}") from None
    victim = description.build_untrained(images)
    _load(victim, final)
    ended_well = _read(Outcome, final / OUTCOME).status == "ok"
    asked = victim if ended_well else FiniteAnswers(victim)
    return Trained(asked, images.image_size, _digest(description, images, asked))


def _digest(description: VictimConfig, images: Images, victim: Asked) -> str:
    digest = hashlib.sha256(canonical_json([description.plain(), asdict(images)]))
    for name, tensor in sorted(victim.state_dict().items()):
        digest.update(f"{name}{list(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _store(folder: Path, stages: Stages) -> Path:
    """The store that holds a run's artifacts: of TAGGANT_ROOT, or of a folder above the run's."""
    named = os.environ.get("TAGGANT_ROOT")
    roots = [Path(named)] if named else [*folder.resolve().parents, Path.cwd()]
    for root in roots:
        if (root / "store" / "unlearn" / stages.unlearn.digest / MANIFEST).exists():
            return root / "store"
    raise FileNotFoundError(
        f"{folder}: its trained victim is in no store above it; set TAGGANT_ROOT to the folder "
        "that holds that store"
    )


def _images(folder: Path) -> Images:
    record = _read(Data, folder / "imageset.json")
    path = folder / "imageset.safetensors"
    try:
        with safe_open(path, "pt") as tensors:
            shape = tensors.get_slice("images").get_shape()
    except SafetensorError as error:
        raise ValueError(f"{path}: damaged ({error})") from None
    return Images(len(record.class_names), shape[1], shape[-1], record.mean, record.std)


def _load(victim: Victim, folder: Path) -> None:
    path = folder / training.FINAL
    if sha256(path) != _read(Manifest, folder / MANIFEST).files.get(training.FINAL):
        raise ValueError(f"{path} was changed after it was stored: its SHA-256 is another one")
    try:
        training.load_weights(victim, path)
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path}: no weights of this victim ({error})") from error


def _read(kind: type[AnySchema], path: Path) -> AnySchema:
    try:
        return parse(kind, read_bounded(path))
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None
