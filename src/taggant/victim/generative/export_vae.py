"""The VAE of a latent diffusion run as a folder: ``python -m ...export_vae RUN FOLDER``.

In diffusers' format, for ``victim.vae`` of other runs and for marks that are made through it
(``marking/marker=vae marking.marker.load.vae=FOLDER``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file

from taggant.configs import Plain
from taggant.victim.export import of_a_run
from taggant.victim.generative.latent import untrained

NETWORK = "vae."
FIRST = "encoder.conv_in.weight"
SIZES = ("vae_width", "vae_multipliers", "latents")


def export(weights: Path, victim: Plain, folder: Path) -> None:
    """Write the VAE of a victim.

    Parameters
    ----------
    weights : Path
        As `taggant.victim.training.save_weights` left them.
    victim : mapping
        The victim's config.
    folder : Path
        Is made.

    Raises
    ------
    ValueError
        If it has none of its own.
    """
    tensors = load_file(weights)
    own = {key.removeprefix(NETWORK): t for key, t in tensors.items() if key.startswith(NETWORK)}
    if FIRST not in own or victim.get("vae") is not None:
        raise ValueError(f"{weights}: this victim has trained no VAE (victim=latent_diffusion)")
    vae = untrained(own[FIRST].shape[1], *(victim[name] for name in SIZES))
    vae.load_state_dict(own)
    vae.save_pretrained(folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""

    def write(weights: Path, run: Path, folder: Path) -> None:
        export(weights, json.loads((run / "config.json").read_text())["victim"], folder)

    module = "taggant.victim.generative.export_vae"
    return of_a_run(arguments, module, __doc__, "folder", "to write", write)


if __name__ == "__main__":
    sys.exit(main())
