"""Files of weights as training scripts leave them: tensors by name, whatever lies around them.

Nothing that a file names is imported: what is no tensor is refused, or read as an inert stand-in.
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from taggant.models.archive import check_no_program

ZIP = b"PK\x03\x04"
POINTER = b"version https://git-lfs"
HARMLESS = (
    "argparse.Namespace",
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "range", "slice")),
    *(f"builtins.{name}" for name in ("str", "tuple")),
    *(f"datetime.{name}" for name in ("date", "datetime", "timedelta")),
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
    *(f"omegaconf.base.{name}" for name in ("ContainerMetadata", "Metadata")),
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    *(f"omegaconf.nodes.{name}Node" for name in ("Any", "Boolean", "Float", "Integer", "String")),
    *(f"pathlib.{name}" for name in ("PosixPath", "PurePosixPath", "WindowsPath")),
    *(f"pathlib._local.{name}" for name in ("PosixPath", "WindowsPath")),
    "torch.torch_version.TorchVersion",
    "types.SimpleNamespace",
    "typing.Any",
)
"""What training scripts keep beside weights, by name; see `Inert`."""
DICTIONARIES = (
    "collections.defaultdict",
    "easydict.EasyDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "yacs.config.CfgNode",
)
"""Kinds of dictionary, by name, of which the items are read; see `Items`."""


class Inert:
    """Stands in for what a file says is an object of one of the `HARMLESS` kinds."""

    def __new__(cls, *_: object, **__: object) -> Inert:
        """Whatever it is made of."""
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        """Whatever its state is."""


class Items:
    """Stands in for one of the `DICTIONARIES`."""

    def __new__(cls, *_: object, **__: object) -> Any:
        """An empty dictionary, of the one kind that torch fills; none of this class."""
        return OrderedDict()


STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    *((Inert, name) for name in HARMLESS),
    *((Items, name) for name in DICTIONARIES),
]


def read_weights(path: Path) -> object:
    """What a checkpoint holds: tensors, and mappings, sequences and plain values around them.

    Raises
    ------
    ValueError
        If it is none, or holds what could run code when read.
    """
    check_binary(path)
    check_no_program(path)
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(STAND_INS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        raise ValueError(
            f"{path}: holds more than weights ({named[1] if named else 'damaged, or objects'}), "
            f"which could run code when read. {CONVERT}"
        ) from error
    except Exception as error:  # a damaged file makes torch and safetensors raise almost anything
        raise ValueError(f"{path}: no file of weights, or damaged ({error!r:.200})") from error


CONVERT = (
    "Where you trust it, save the weights alone with the program that made it "
    "(torch.save(model.state_dict(), FILE), or safetensors), or audit through module:function"
)


def check_binary(path: Path) -> None:
    """Refuse by name what comes instead of a file of weights, or an ONNX graph.

    Raises
    ------
    ValueError
    """
    with path.open("rb") as stream:
        head = stream.read(512)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise ValueError(f"{path}: an empty file")
    if text.startswith(POINTER):
        raise ValueError(f"{path}: a git-LFS pointer, not the file itself: git lfs pull fetches it")
    if text.startswith(b"<"):
        raise ValueError(
            f"{path}: a page of HTML or XML ({_line(text)}): whoever was asked for the file "
            "answered with an error, or wants a login"
        )
    if len(head) > 8 and _is_text(head):
        raise ValueError(f"{path}: a text ({_line(text)}), no file of weights")
    if head.startswith(ZIP) and not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: broken off, its end is missing: fetch it again")


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in head) and head.isascii()


def _line(text: bytes) -> str:
    first = text[:80].decode("utf-8", "replace").splitlines()[:1]
    return "".join(c if c.isprintable() else " " for c in "".join(first))
