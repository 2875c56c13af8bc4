"""Archives of whole programs, which are told from files of weights and not opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

NEXT = (
    "An archive from elsewhere is code, and is not opened. Where you trust it, open it yourself "
    "with {opened} and give the module, with size, mean and std of its input; or ask whoever made "
    "it for an ONNX file, or the weights alone"
)
KINDS = {
    "/code/__torch__": ("a TorchScript archive", "torch.jit.load(FILE)"),
    **dict.fromkeys(
        ("/archive_format", "/serialized_exported_program.json"),  # since torch 2.7; before
        ("a torch.export archive", "torch.export.load(FILE).module()"),
    ),
}
"""What is in the names of the files of each kind: what it is, and what opens it."""


def check_no_program(path: Path) -> None:
    """Refuse an archive of a program.

    Raises
    ------
    ValueError
        Naming what it is and the next step.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for mark, (kind, opened) in KINDS.items():
        if any(mark in f"/{name}" for name in names):
            raise ValueError(f"{path}: {kind}. {NEXT.format(opened=opened)}")
