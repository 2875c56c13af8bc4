"""Folders of models as the Hugging Face hub has them: read as data, whoever wrote them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from taggant.extras import library
from taggant.files import sha256

N = TypeVar("N", bound=nn.Module)
LARGEST_JSON = 64 << 20
LARGEST_NUMBER = 1 << 20
LARGEST_SIDE = 4096
LARGEST_COUNT = 512
"""Of layers, heads and the like, of which a network is made one by one."""
PATTERNS = ("*.json", "*.safetensors", "*.txt")


def folder_of(name: str, spec: str, patterns: Sequence[str] = PATTERNS) -> Path:
    """A folder, or that of a model on the hub, which is downloaded: no code, and no pickles.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, and the hub cannot be reached or has no such model.
    """
    if Path(name).is_dir():
        return Path(name)
    hub = library("huggingface_hub", spec)
    try:
        return Path(hub.snapshot_download(name, allow_patterns=list(patterns)))
    except Exception as error:  # the hub's library raises errors of its own, of requests and of OS
        raise FileNotFoundError(
            f"{spec}: no folder {name}, and it cannot be fetched from the hub ({error!s:.200}). "
            f"Where there is a network: hf download {name} --local-dir FOLDER; then give FOLDER in "
            "its place"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """An object of JSON.

    Raises
    ------
    ValueError
        If it is none, or larger than any config.
    """
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"{path}: larger than {LARGEST_JSON >> 20} MiB, so no config")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: no object of JSON")
    return found


def check_numbers(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse a config that would make a network of no end.

    Raises
    ------
    ValueError
        Naming the entry.
    """
    for key, value in config.items():
        if isinstance(value, dict):
            check_numbers(path, value)
        counted = any(word in key for word in ("layer", "depth", "head", "block", "stage"))
        image = any(word in key for word in ("image_size", "img_size", "input_size"))
        most = LARGEST_COUNT if counted else LARGEST_SIDE if image else LARGEST_NUMBER
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, (int, float)) and not -most <= number <= most:
                raise ValueError(f"{path}: {key} = {number}: accepted is up to {most}")


def check_size(make: Callable[[], nn.Module], weights: Sequence[Path]) -> None:
    """Refuse a network that is larger than its files of weights, in which a number has a byte.

    It is counted without memory for its numbers.

    Raises
    ------
    ValueError
    """
    with torch.device("meta"):
        count = sum(weight.numel() for weight in make().parameters())
    if count > sum(file.stat().st_size for file in weights):
        raise ValueError(f"a network of {count} numbers, more than its weights' file can hold")


def build(make: Callable[[], N], path: Path, weights: Sequence[Path]) -> N:
    """The network that a config describes.

    Raises
    ------
    ValueError
        If it is larger than its weights, or cannot be made.
    """
    try:
        check_size(make, weights)
        return make()
    except Exception as error:  # a config of nonsense makes the libraries raise almost anything
        raise ValueError(f"{path}: {error!s:.300}") from error


def weight_files(folder: Path, wanted: Collection[str], spec: str) -> list[Path]:
    """The files of weights that are there, of these names, or the parts of a sharded one.

    Raises
    ------
    ValueError
        If there are none in safetensors, naming what to do.
    """
    for name in wanted:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            listed = read_json(index).get("weight_map")
            names = {str(part) for part in listed.values()} if isinstance(listed, dict) else set()
            parts = [folder / Path(part).name for part in sorted(names)]
            if parts and all(part.is_file() for part in parts):
                return parts
            raise ValueError(f"{index}: names files that are not there")
    there = sorted(one.name for one in folder.glob("*.bin")) + sorted(
        one.name for one in folder.glob("*.pt*")
    )
    also = f"; of {', '.join(there[:3])} nothing is read, for it may hold code" if there else ""
    raise ValueError(
        f"{spec}: {folder} has no weights in safetensors ({', '.join(wanted)}){also}. With the "
        "library that made it: model.save_pretrained(FOLDER, safe_serialization=True), or "
        "safetensors.torch.save_file(model.state_dict(), FILE)"
    )


def folder_digest(files: Sequence[Path]) -> str:
    """SHA-256 of files, with their names."""
    parts = (f"{file.name} {sha256(file)}" for file in sorted(files) if file.is_file())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
