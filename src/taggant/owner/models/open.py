"""What ``--model`` may say: all that `taggant.models.load` opens, or a run folder."""

from __future__ import annotations

from pathlib import Path

from taggant.models.load import load
from taggant.models.model import Model, ModelOptions
from taggant.urls import is_address


def open_model(spec: str, options: ModelOptions) -> Model:
    """The model that a command line names.

    Raises
    ------
    ValueError, FileNotFoundError
        If nothing of the kinds accepted answers to the name.
    """
    if not is_address(spec) and Path(spec).is_dir():
        from taggant.owner.models.run_folder import run_folder  # Lightning, open_clip: seconds

        return run_folder(Path(spec), options)
    return load(spec, options)
