"""A trained network as a file to start from: ``python -m taggant.victim.export RUN FILE``.

Of an image-text model it is a file that open_clip reads.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors.torch import load_file, save

from taggant.files import write_atomically
from taggant.victim.training import FINAL

NETWORKS = ("average.module.", "net.")
"""What the names of a victim's network start with; of a diffusion model it is the average's."""


def export(weights: Path, file: Path) -> None:
    """Write a victim's network, for ``victim.pretrained`` or open_clip's ``pretrained``.

    Parameters
    ----------
    weights : Path
        As `taggant.victim.training.save_weights` left them.
    file : Path
        Ending in .safetensors, which is how open_clip knows what it reads.

    Raises
    ------
    ValueError
        For another ending, or an encoder, which consists of several networks.
    """
    if file.suffix != ".safetensors":
        raise ValueError(f"{file}: a name that ends in .safetensors is needed")
    tensors = load_file(weights)
    there = (one for one in NETWORKS if any(name.startswith(one) for name in tensors))
    network = next(there, None)
    if network is None:
        raise ValueError(f"{weights}: this kind of victim is no single network to write")
    own = {name[len(network) :]: t for name, t in tensors.items() if name.startswith(network)}
    write_atomically(file, save(own))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""

    def write(weights: Path, run: Path, file: Path) -> None:
        export(weights, file)

    said = "to write, ending in .safetensors"
    return of_a_run(arguments, "taggant.victim.export", __doc__, "file", said, write)


def of_a_run(
    arguments: Sequence[str] | None,
    module: str,
    about: str | None,
    target: str,
    said: str,
    write: Callable[[Path, Path, Path], None],
) -> int:
    """Run a command line that writes something of a finished run.

    Parameters
    ----------
    arguments : sequence of str, optional
    module, about, target, said : str
        What it is called, what it does, and what is written where.
    write : callable
        Given the weights, the run's folder and the target.
    """
    store = Path(os.environ.get("TAGGANT_ROOT", ".")) / "store"
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=about)
    parser.add_argument("run", type=Path, help="folder of a finished run, with its result.json")
    parser.add_argument(target, type=Path, help=said)
    parser.add_argument("--store", type=Path, default=store, help="folder of the store")
    options = parser.parse_args(arguments)
    try:
        weights = options.store / "train" / trained(options.run) / FINAL
        write(weights, options.run, getattr(options, target))
    except (ValueError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def trained(run: Path) -> str:
    """The digest of a run's training; whoever made the folder names no other file by it.

    Raises
    ------
    ValueError
        For a folder without the record of a finished run.
    """
    path = run / "result.json"
    try:
        digest = json.loads(path.read_text())["stages"]["train"]["digest"]
        if re.fullmatch(r"[0-9a-f]{32}", digest):
            return str(digest)
    except (KeyError, TypeError):
        pass
    raise ValueError(f"{path}: no record of a finished run")


if __name__ == "__main__":
    sys.exit(main())
