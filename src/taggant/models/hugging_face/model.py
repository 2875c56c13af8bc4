"""Models of the transformers library: ``hf:FOLDER``, or ``hf:ID`` of the hub.

A folder is its maker's. Of what it says, numbers and words are read that a listed architecture
takes, and weights from safetensors; no code of it is run, and no class is looked up by a name that
it holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from taggant.answers import evaluating, log_probability
from taggant.extras import library
from taggant.models.folder import (
    check_numbers,
    check_size,
    folder_digest,
    folder_of,
    read_json,
    weight_files,
)
from taggant.models.hugging_face.kinds import KINDS, Kind, mask
from taggant.models.hugging_face.processor import processor_of
from taggant.models.hugging_face.tokenizer import Tokens, tokenizer_of
from taggant.models.model import (
    Model,
    ModelOptions,
    Target,
    Targets,
    check_answers,
    class_numbers,
    local_model,
)
from taggant.models.preprocessing import WithPreprocessing
from taggant.models.weights import read_weights

CONFIG, WEIGHTS = "config.json", ("model.safetensors",)
ROWS = 16
"""Captions per forward, the last batch padded: what one costs depends on no neighbour's number."""
NOT_READ = frozenset(
    {
        *("transformers_version", "architectures", "dtype", "output_hidden_states", "return_dict"),
        *("chunk_size_feed_forward", "is_encoder_decoder", "problem_type", "label2id"),
    }
)
"""Entries of a config that change nothing here."""


def hugging_face(spec: str, options: ModelOptions) -> Model:
    """The model of a folder that ``save_pretrained`` wrote, or of the hub.

    Raises
    ------
    ValueError
        If its architecture is none of `KINDS`, or a file of it is missing or damaged; the next step
        is named.
    FileNotFoundError
        If there is no such folder, and it cannot be fetched.
    ModuleNotFoundError
        If transformers is not installed.
    """
    folder = folder_of(spec.partition(":")[2], spec)
    path = folder / CONFIG
    if not path.is_file():
        missing = f"{spec}: {path} is missing"
        raise FileNotFoundError(f"{missing}: model.save_pretrained(FOLDER) writes it")
    config = read_json(path)
    check_numbers(path, config)
    name, kind = _kind(spec, path, config)
    options.check_kind(kind.victim, spec)
    weights = weight_files(folder, WEIGHTS, spec)
    net, note = _loaded(spec, name, kind, path, config, weights)
    preprocessing, processor = processor_of(folder, spec, options)
    network = WithPreprocessing(lambda pixels: kind.ask(net, pixels), preprocessing)
    network.add_module("whole", net)  # so that it is moved and put into eval mode with the rest
    classes: tuple[str, ...] = ()
    if kind.victim == "classifier":
        labels = net.config.id2label
        classes = tuple(str(labels[number]) for number in sorted(labels))
        options.check_classes(len(classes), spec)
    files = [path, *weights, *processor]
    targets: Targets = class_numbers
    loss = None
    if kind.victim in ("clip", "captioner"):
        tokens = tokenizer_of(folder, spec, net.config.text_config)
        files.append(tokens.path)
        targets = tokens if kind.read is None else _embedded(net, tokens, kind.read)
        loss = _captioning_loss(net, tokens.pad) if kind.victim == "captioner" else None
    model = local_model(
        spec,
        folder_digest(files),
        network,
        options,
        kind=kind.victim,
        targets=targets,
        classes=classes,
        captioning_loss=loss,
        note=note,
    )
    check_answers(model, str(path))
    return model


def _kind(spec: str, path: Path, config: Mapping[str, Any]) -> tuple[str, Kind]:
    names = config.get("architectures")
    name = str(names[0]) if isinstance(names, list) and names else "(none)"
    if name not in KINDS:
        own = " It brings code of its own, which is not run." if "auto_map" in config else ""
        raise ValueError(
            f"{path}: architectures = {name}: accepted are {', '.join(KINDS)}.{own} Load it "
            f"yourself and give a function of pictures uint8 [B, 3, H, W] in place of {spec}"
        )
    if "quantization_config" in config:
        raise ValueError(
            f"{path}: quantization_config: quantised weights are not read. Save the model in "
            "float32, or give a function of pictures in its place"
        )
    return name, KINDS[name]


def _config(transformers: ModuleType, name: str, given: Mapping[str, Any]) -> Any:
    """A config of a listed class, from the plain entries that it knows."""
    made: type[Any] = getattr(transformers, name)
    return made(**_plain(made, given))


def _plain(made: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a config's class knows of the entries given: numbers, words, and lists of them."""
    known = {f.name for f in dataclasses.fields(made)} - NOT_READ
    inner: Mapping[str, type[Any]] = getattr(made, "sub_configs", {})
    kept: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known or key.startswith("_"):
            continue
        if key in inner and isinstance(value, dict):
            kept[key] = _plain(inner[key], value)
        elif key == "id2label" and isinstance(value, dict):
            kept[key] = {int(number): str(label) for number, label in value.items()}
        elif not isinstance(value, dict):
            kept[key] = value
    if "id2label" in kept:
        kept["label2id"] = {label: number for number, label in kept["id2label"].items()}
    return kept


def _loaded(
    spec: str, name: str, kind: Kind, path: Path, given: Mapping[str, Any], weights: Sequence[Path]
) -> tuple[Any, str]:
    """A model with its weights, and a note if some of these are not of it.

    transformers is given tensors, not the folder, so that no other file of it (adapters, code,
    settings of generation) plays a part.
    """
    transformers = library("transformers", spec)
    made = getattr(transformers, name)
    try:
        with _quiet(transformers):
            config = _config(transformers, kind.config, given)
    except Exception as error:  # its checks raise errors of several libraries
        raise ValueError(f"{path}: no config of {name} ({error!s:.300})") from error
    parts = [read_weights(file) for file in weights]
    dictionaries = [part for part in parts if isinstance(part, dict)]
    tensors = {key: value for part in dictionaries for key, value in part.items()}
    try:
        with _quiet(transformers):
            check_size(lambda: made(config, **kind.options), weights)
            net, found = made.from_pretrained(
                None,
                config=config,
                state_dict=tensors,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
                **kind.options,
            )
    except Exception as error:  # what does not fit makes transformers raise almost anything
        raise ValueError(f"{weights[0]}: not the weights of {name} ({error!s:.300})") from error
    missing = sorted(found["missing_keys"])
    if missing:
        listed = ", ".join(missing[:3])
        raise ValueError(
            f"{weights[0]} lacks {len(missing)} tensors of {name} ({listed}): save the whole model"
        )
    others = sorted(key for key in found["unexpected_keys"] if "pooler" not in key)
    note = f"{len(others)} tensors of {weights[0]} are none of {name}'s and are left out"
    return net.eval(), note if others else ""


def _embedded(net: Any, tokens: Tokens, read: Callable[[Any, Tensor, int], Tensor]) -> Targets:
    """Captions as an image-text model embeds them, unit rows."""

    @torch.no_grad()
    def targets(captions: Sequence[Target]) -> Tensor:
        rows = tokens(captions)
        device = next(net.parameters()).device
        with evaluating(net):
            parts = [read(net, part.to(device), tokens.pad) for part in rows.split(1)]
        return normalize(torch.cat(parts).float(), dim=1).cpu()

    return targets


def _captioning_loss(net: Any, pad: int) -> Callable[[Tensor, Tensor], Tensor]:
    @torch.no_grad()
    def loss(seen: Tensor, tokens: Tensor) -> Tensor:
        """Mean negative log-likelihood of captions' tokens but the first, float32 [B]."""
        device, count = next(net.parameters()).device, len(seen)
        missing = -count % ROWS
        parts = []
        with evaluating(net):
            rows = [_repeated(side.to(device), missing) for side in (seen, tokens)]
            for images, words in zip(*(side.split(ROWS) for side in rows), strict=True):
                shown = mask(words, pad)
                logits = net.text_decoder(
                    input_ids=words, attention_mask=shown, encoder_hidden_states=images
                ).logits.float()
                losses = -log_probability(logits[:, :-1], words[:, 1:])
                there = shown[:, 1:].bool()
                parts.append(losses.where(there, 0).sum(1) / there.sum(1).clamp(min=1))
        return torch.cat(parts)[:count]

    return loss


def _repeated(rows: Tensor, missing: int) -> Tensor:
    return torch.cat([rows, rows[-1:].expand(missing, *rows.shape[1:])])


@contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """Without transformers' progress bars and warnings."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
