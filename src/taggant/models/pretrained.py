"""Networks of torchvision, timm and open_clip with weights of their own, or of a folder."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from taggant.models.architectures import (
    Architecture,
    architecture,
    check_open_clip,
    of_open_clip,
    of_timm,
)
from taggant.models.checkpoint import fill, of_architecture
from taggant.models.folder import (
    build,
    check_numbers,
    folder_digest,
    folder_of,
    read_json,
    weight_files,
)
from taggant.models.model import Model, ModelOptions
from taggant.models.module import weights_digest
from taggant.networks import timm_network

TIMM_CONFIG, TIMM_WEIGHTS = "config.json", ("model.safetensors",)
TIMM_ARGUMENTS = ("img_size", "global_pool", "num_classes", "in_chans")
"""What of a network's arguments a folder may say."""
CLIP_CONFIG, CLIP_WEIGHTS = "open_clip_config.json", ("open_clip_model.safetensors",)
CLIP_TOWERS = {
    "vision_cfg": ("layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size"),
    "text_cfg": ("context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"),
}
"""What of a model's towers a folder may say."""
HUB = "hf-hub:"


def pretrained(spec: str, options: ModelOptions) -> Model:
    """What LIBRARY:NAME or LIBRARY:FOLDER stands for without a file of weights.

    Raises
    ------
    ValueError, FileNotFoundError, OSError
        If it is unknown, or its weights cannot be had; the next step is named.
    """
    library, _, name = spec.partition(":")
    folder = Path(name).is_dir() or name.startswith(HUB)
    if library == "timm":
        return _timm_folder(spec, name, options) if folder else _timm_name(spec, name, options)
    if library == "open_clip" and folder:
        return _open_clip_folder(spec, name, options)
    if library == "torchvision":
        return _torchvision_name(spec, name, options)
    check_open_clip(options.key("model"), name)
    raise ValueError(
        f"{spec}: {options.key('weights')} FILE is needed, its weights; or open_clip:FOLDER with "
        f"{CLIP_CONFIG} and {CLIP_WEIGHTS[0]}, as the hub has them (hf download ID --local-dir "
        "FOLDER)"
    )


def _torchvision_name(spec: str, name: str, options: ModelOptions) -> Model:
    """With torchvision's best weights, which are downloaded."""
    made = architecture(spec, replace(options, classes=None))
    import torchvision

    listed = list(torchvision.models.get_model_weights(name))
    if not listed or options.kind == "encoder":
        raise ValueError(f"{spec}: {options.key('weights')} FILE is needed, its weights")
    weights = torchvision.models.get_model_weights(name).DEFAULT
    options.check_classes(len(weights.meta["categories"]), spec)
    try:
        state = weights.get_state_dict(weights_only=True, check_hash=True, progress=False)
    except OSError as error:
        raise _offline(spec, options, error) from error
    made.net.load_state_dict(state)
    fingerprint = hashlib.sha256(f"{weights} {weights_digest(made.net)}".encode()).hexdigest()
    return of_architecture(
        spec, fingerprint, made, options, classes=tuple(weights.meta["categories"])
    )


def _timm_name(spec: str, name: str, options: ModelOptions) -> Model:
    """With timm's weights of that name, which are downloaded."""
    encoder = options.kind == "encoder"
    headless = {"num_classes": 0} if encoder else {}
    try:
        net: Any = timm_network(spec, name, pretrained=True, **headless)
    except (OSError, RuntimeError) as error:
        raise _offline(spec, options, error) from error
    if not encoder:
        options.check_classes(net.num_classes, spec)
    made = Architecture(net, options.kind, net, of_timm(net.pretrained_cfg))
    return of_architecture(spec, weights_digest(net), made, options)


def _timm_folder(spec: str, name: str, options: ModelOptions) -> Model:
    """As ``timm.models.save_for_hf`` writes it, and as the hub has it."""
    folder = folder_of(name.removeprefix(HUB), spec)
    path = _config(folder / TIMM_CONFIG, spec)
    config = read_json(path)
    check_numbers(path, config)
    of_weights = _object(config.get("pretrained_cfg", config), path)
    arguments = dict(_object(config.get("model_args") or {}, path))
    arguments.setdefault("num_classes", config.get("num_classes", of_weights.get("num_classes")))
    unknown = sorted(set(arguments) - set(TIMM_ARGUMENTS))
    if unknown:
        raise ValueError(
            f"{path}: model_args {', '.join(unknown)}: accepted are {', '.join(TIMM_ARGUMENTS)}. "
            f"Make the network with timm yourself, and give the module in place of {spec}"
        )
    classes = arguments["num_classes"] or 0
    if not isinstance(classes, int):
        raise ValueError(f"{path}: num_classes = {classes!r}: accepted are whole numbers")
    kind = "classifier" if classes else "encoder"
    options.check_kind(kind, spec)
    if classes:
        options.check_classes(classes, spec)
    weights = weight_files(folder, TIMM_WEIGHTS, spec)
    named = str(config.get("architecture"))
    net = build(lambda: timm_network("architecture", named, **arguments), path, weights)
    try:
        shown = of_timm({**getattr(net, "pretrained_cfg", {}), **of_weights})
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: pretrained_cfg: {error}") from error
    made = Architecture(net, kind, net, shown)
    fill(made, weights[0], f"{named} of {path}")
    names = tuple(map(str, config.get("label_names") or of_weights.get("label_names") or ()))
    return of_architecture(spec, folder_digest([path, *weights]), made, options, classes=names)


def _open_clip_folder(spec: str, name: str, options: ModelOptions) -> Model:
    """As ``open_clip.push_to_hf_hub`` writes it: two towers of transformers."""
    import open_clip  # seconds, which only its networks should cost

    folder = folder_of(name.removeprefix(HUB), spec)
    path = _config(folder / CLIP_CONFIG, spec)
    config = read_json(path)
    check_numbers(path, config)
    model = _object(config.get("model_cfg"), path)
    allowed = {"embed_dim", "quick_gelu", *CLIP_TOWERS}
    unknown = [key for key in model if key not in allowed] + [
        f"{tower}.{key}"
        for tower, known in CLIP_TOWERS.items()
        for key in _object(model.get(tower, {}), path)
        if key not in known
    ]
    if unknown or not set(CLIP_TOWERS) < set(model):
        raise ValueError(
            f"{path}: model_cfg {', '.join(unknown) or 'lacks a tower'}: accepted are two towers "
            f"of open_clip's own transformers. Make the model with open_clip yourself, and give a "
            f"function of its encode_image in place of {spec}"
        )
    if options.victim != "encoder":
        options.check_kind("clip", spec)
    weights = weight_files(folder, CLIP_WEIGHTS, spec)
    net: Any = build(lambda: open_clip.CLIP(**model), path, weights)
    shown = _object(config.get("preprocess_cfg", {}), path)
    known = {"mean", "std", "interpolation", "resize_mode"}
    net.visual.preprocess_cfg = {
        **open_clip.transform.PreprocessCfg().__dict__,
        **{key: value for key, value in shown.items() if key in known},
        "size": model["vision_cfg"].get("image_size", 224),
    }
    try:
        made = of_open_clip(net, "ViT-B-32", options.victim or "clip")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{path}: preprocess_cfg: {error}") from error
    fill(made, weights[0], f"the model of {path}")
    return of_architecture(spec, folder_digest([path, *weights]), made, options)


def _object(found: Any, path: Path) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ValueError(f"{path}: {str(found)[:80]!r} is no object of JSON")
    return found


def _config(path: Path, spec: str) -> Path:
    if not path.is_file():
        raise FileNotFoundError(
            f"{spec}: {path} is missing, which says what network it is; for weights alone, give "
            "LIBRARY:NAME and their file"
        )
    return path


def _offline(spec: str, options: ModelOptions, error: Exception) -> OSError:
    return OSError(
        f"{spec}: its weights cannot be downloaded ({error!s:.200}); {options.key('weights')} FILE "
        "takes those that are here"
    )
