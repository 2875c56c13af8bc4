"""Models to audit: files of several makers, a Python function, an ONNX graph, an HTTP endpoint."""

from __future__ import annotations

import hashlib
import importlib
import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from taggant.data.decode import square
from taggant.data.imageset import ImageSet
from taggant.files import sha256
from taggant.owner.pictures import to_image
from taggant.score import Oracle
from taggant.score.remote import EmbeddingEndpoint, Endpoint, Remote
from taggant.urls import is_address, shown

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
LIBRARIES = ("torchvision", "timm", "open_clip")
VICTIMS = {"classifier": "logits", "encoder": "embedding", "clip": "embedding"}
"""Kinds of models, and what they answer with."""
Target = int | str
"""What a picture's answers are compared with: a class number, or a caption."""
NAMED = (
    "accepted are a URL, module:function, a run.py run folder, FILE.onnx, or a checkpoint "
    f"({', '.join(CHECKPOINTS)}) with --arch LIBRARY:NAME ({', '.join(LIBRARIES)})"
)


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
        Seconds to wait for an endpoint.
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
    """

    spec: str
    fingerprint: str
    answers: str
    against: str
    oracle: Callable[[Any], Any] = field(repr=False)
    targets: Callable[[Sequence[Target]], Tensor] = field(default=numbers, repr=False)
    address: str = field(default="", repr=False)


class Fed(nn.Module):
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
        squares = torch.stack([square(to_image(image), self.size) for image in images.cpu()])
        squares = squares.to(images.device)
        if self.mean is None or self.std is None:
            return self.net(squares)
        pixels = squares.float() / 255
        return self.net((pixels - self.mean.to(pixels.device)) / self.std.to(pixels.device))


def open_model(spec: str, options: Options) -> Model:
    """The model that a command line names.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name.
    """
    if is_address(spec):
        return _endpoint(spec, options)
    path = Path(spec)
    if path.is_dir():
        return _run_folder(path, options)
    if path.suffix in CHECKPOINTS and path.exists():
        return _checkpoint(path, options)
    if options.victim == "clip":
        raise ValueError(
            f"--victim clip: accepted are a run folder, or --arch open_clip:NAME; {spec}"
        )
    if path.suffix == ".onnx" and path.exists():
        return _local(spec, sha256(path), Fed(_onnx(path), options.size, *_norm(options)), options)
    if ":" in spec and not path.exists():
        return _function(spec, options)
    if not path.exists():
        raise FileNotFoundError(f"--model {spec}: no such file or folder; {NAMED}")
    raise ValueError(f"--model {spec}: {NAMED}")


def _norm(options: Options) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return options.mean, options.std


def _local(spec: str, fingerprint: str, module: nn.Module, options: Options, **other: Any) -> Model:
    module = module.to(options.device)

    def oracle(access: Any) -> Oracle:
        return Oracle(module, access, options.batch_size, options.device)

    facts = {"answers": options.answers, "against": options.against, "oracle": oracle, **other}
    return Model(spec, fingerprint, **facts)


def _endpoint(url: str, options: Options) -> Model:
    if options.victim == "clip":
        raise ValueError(
            "--victim clip: an endpoint answers with confidences, labels or embeddings; accepted "
            "are classifier and encoder (for others, ask through module:function)"
        )

    def oracle(access: Any) -> Remote:
        asked: dict[str, Any] = {
            "batch_size": options.batch_size,
            "timeout": options.timeout,
            "retries": options.retries,
            "rate": options.rate,
            "headers": dict(options.headers),
        }
        if options.victim == "encoder":
            return EmbeddingEndpoint(url, **asked)
        return Endpoint(url, classes=options.classes, **asked)

    named = shown(url)
    fingerprint = hashlib.sha256(named.encode()).hexdigest()
    return Model(named, fingerprint, options.answers, options.against, oracle, address=url)


def victim_of(folder: Path) -> tuple[Any, int]:
    """The trained victim of a ``run.py`` run folder, and the side of its input."""
    from omegaconf import OmegaConf

    from taggant.pipeline.line import Line
    from taggant.pipeline.setting import Setting

    config = folder / ".hydra" / "config.yaml"
    if not config.exists():
        raise FileNotFoundError(f"{folder}: no run folder of run.py (no .hydra/config.yaml)")
    chosen = OmegaConf.load(config)
    started = OmegaConf.load(config.with_name("hydra.yaml")).hydra.runtime.cwd
    chosen.paths.root = os.environ.get("TAGGANT_ROOT", started)
    line = Line(Setting.of(chosen))  # type: ignore[arg-type]
    if not line.store.has(line.train.stage):
        raise FileNotFoundError(
            f"{folder}: its trained victim is not in the store of {chosen.paths.root}; set "
            "TAGGANT_ROOT to the folder that holds that store"
        )
    return line.unlearn.final(), int(line.data.splits.train.images.shape[-1])


def _run_folder(folder: Path, options: Options) -> Model:
    victim, size = victim_of(folder)
    digest = hashlib.sha256()
    for name, tensor in sorted(victim.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    facts: dict[str, Any] = {"answers": str(victim.answers), "against": str(victim.against)}
    if victim.against == "captions":
        facts["targets"] = _captioned(victim, size)
    return _local(str(folder), digest.hexdigest(), Fed(victim, size), options, **facts)


def _captioned(victim: Any, size: int) -> Callable[[Sequence[Target]], Tensor]:
    """Captions as an image-text victim embeds them; the pictures beside them play no part."""

    def targets(captions: Sequence[Target]) -> Tensor:
        data = ImageSet(
            images=torch.zeros(len(captions), 3, size, size, dtype=torch.uint8),
            ids=tuple(map(str, range(len(captions)))),
            labels=None,
            captions=tuple(map(str, captions)),
            name="captions",
            class_names=(),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
        )
        embedded: Tensor = victim.targets(data)
        return embedded

    return targets


def _checkpoint(path: Path, options: Options) -> Model:
    library, _, name = options.arch.partition(":")
    if library not in LIBRARIES or not name:
        raise ValueError(f"--arch {options.arch or '(none)'}: needed for {path}; {NAMED}")
    if (library == "open_clip") != (options.victim == "clip") and options.victim != "encoder":
        raise ValueError(f"--arch {options.arch}: --victim {options.victim} does not fit it")
    net = _architecture(library, name, 0 if options.victim == "encoder" else options.classes)
    weights = _weights(path)
    if options.victim == "encoder":  # without the head that it may have been trained with
        weights = {key: value for key, value in weights.items() if key in net.state_dict()}
    try:
        net.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            f"{path} does not fit {options.arch} with {options.classes} classes: {error}"
        ) from error
    if library == "open_clip":
        return _open_clip(path, name, net, options)
    return _local(str(path), sha256(path), Fed(net, options.size, *_norm(options)), options)


def _open_clip(path: Path, name: str, net: Any, options: Options) -> Model:
    from taggant.victim.tokens import tokenizer

    cut = tokenizer(name, net.context_length, {})

    @torch.no_grad()
    def targets(captions: Sequence[Target]) -> Tensor:
        embedded: Tensor = net.eval().encode_text(cut([str(c) for c in captions]), normalize=True)
        return embedded.float().cpu()

    fed = Fed(net.encode_image, options.size, *_norm(options))
    fed.add_module("whole", net)
    facts = {"targets": targets} if options.victim == "clip" else {}
    return _local(str(path), sha256(path), fed, options, **facts)


def _architecture(library: str, name: str, classes: int) -> Any:
    if library == "torchvision":
        import torchvision

        if classes == 0:
            raise ValueError(
                "--victim encoder: torchvision's networks end in a classifier; accepted are timm, "
                "open_clip, an ONNX file or module:function"
            )
        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    if library == "timm":
        import timm

        return timm.create_model(name, num_classes=classes)
    import open_clip

    return open_clip.create_model(name, pretrained=None)


def _weights(path: Path) -> dict[str, Tensor]:
    """A state dict; whatever was wrapped around it by a training script is taken off."""
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: holds more than weights, which could run code when read; save its "
            "state_dict, or safetensors"
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    return {str(name).removeprefix("module."): value for name, value in loaded.items()}


def _onnx(path: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        message = "ONNX files need onnxruntime: pip install 'taggant[onnx]'"
        raise ModuleNotFoundError(message) from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(pixels: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: pixels.cpu().numpy()})[0])

    return run


def _function(spec: str, options: Options) -> Model:
    """module:function: pictures uint8 [B, C, H, W] -> logits [B, classes] or embeddings [B, D]."""
    module_name, _, name = spec.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"--model {spec}: {error}; {NAMED}") from error
    finally:
        sys.path.pop(0)
    function = getattr(module, name, None)
    if not callable(function):
        raise ValueError(f"--model {spec}: {module_name} has no function {name!r}")
    source = getattr(module, "__file__", None)
    fingerprint = sha256(Path(source)) if source else hashlib.sha256(spec.encode()).hexdigest()
    return _local(spec, fingerprint, _Function(function), options)


class _Function(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return torch.as_tensor(self.function(images))
