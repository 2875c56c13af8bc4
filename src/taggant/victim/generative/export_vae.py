"""The VAE of a latent diffusion run as a folder: ``python -m ...export_vae RUN FOLDER``.

In diffusers' format, for ``victim.vae`` of other runs and for marks that are made through it
(``marking/marker=vae marking.marker.load.vae=FOLDER``).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file

from taggant.configs import Plain
from taggant.victim.export import trained
from taggant.victim.generative.latent import untrained
from taggant.victim.training import FINAL

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
    store = Path(os.environ.get("TAGGANT_ROOT", ".")) / "store"
    parser = argparse.ArgumentParser(
        prog="python -m taggant.victim.generative.export_vae", description=__doc__
    )
    parser.add_argument("run", type=Path, help="folder of a finished run, with its result.json")
    parser.add_argument("folder", type=Path, help="to write")
    parser.add_argument("--store", type=Path, default=store, help="folder of the store")
    options = parser.parse_args(arguments)
    try:
        weights = options.store / "train" / trained(options.run) / FINAL
        victim = json.loads((options.run / "config.json").read_text())["victim"]
        export(weights, victim, options.folder)
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
