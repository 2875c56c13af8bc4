"""Autoencoders of images (VAE) in diffusers' format, from local folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from taggant.extras import library


def opened(folder: str, key: str) -> Any:
    """A frozen VAE, as ``diffusers.AutoencoderKL`` saves it: pixels from -1 to 1 -> latents.

    Parameters
    ----------
    folder : str
        With ``config.json`` and weights in safetensors; the ``vae/`` of a text-to-image pipeline is
        one. It is opened as what it is expected to be: no class that a file names is imported.
    key : str
        What messages call it.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not Path(folder).is_dir():
        raise ValueError(
            f"{key} = {folder!r}: accepted is the folder of a VAE in diffusers' format"
        )
    diffusers: Any = library("diffusers", key)
    try:
        vae = diffusers.AutoencoderKL.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ValueError(f"{key} = {folder!r}: {first}") from error
    return vae.requires_grad_(False).eval()
