"""What a model may be named by, for messages."""

from __future__ import annotations

from taggant.models.architectures import LIBRARIES
from taggant.models.checkpoint import SUFFIXES
from taggant.models.model import ModelOptions


def accepted(options: ModelOptions) -> str:
    """What the loader opens, with options as their user types them."""
    return (
        f"accepted are a URL, module:function, a run.py run folder, FILE.onnx, "
        f"torchvision:NAME, timm:NAME or FOLDER, open_clip:NAME or FOLDER, hf:FOLDER or ID, or a "
        f"checkpoint ({', '.join(SUFFIXES)}) with {options.key('arch')} LIBRARY:NAME "
        f"({', '.join(LIBRARIES)})"
    )
