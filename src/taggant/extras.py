"""Libraries that only some parts need, imported when they do."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

EXTRAS = {
    **dict.fromkeys(("diffusers", "peft"), "generative"),
    **dict.fromkeys(("cryptography", "fpdf", "py_ecc", "rfc3161_client"), "evidence"),
    "lightly": "ssl",
    "onnxruntime": "onnx",
    "opacus": "dp",
    "pillow_heif": "heic",
    "tensorboard": "tensorboard",
    **dict.fromkeys(("datasets", "transformers", "huggingface_hub", "tokenizers"), "hub"),
}
"""Libraries, and the extra of this package that brings each."""


def has(name: str) -> bool:
    """Whether a library of `EXTRAS` is installed."""
    return importlib.util.find_spec(name) is not None


def library(name: str, needed_by: str) -> ModuleType:
    """A library of `EXTRAS`.

    Raises
    ------
    ModuleNotFoundError
        If it is not installed, naming the extra that brings it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"{needed_by}: needs {name}, which is not installed: "
            f"pip install 'taggant[{EXTRAS[name]}]'"
        ) from error
