"""How coarse marks are: as a model shrinks pictures before it learns them, so fine marks are lost.

What is left depends on how many pixels of the model's input a block of a mark has, and hardly on
how large the original was; `bench/grain.py` measures it.
"""

from __future__ import annotations

import re

BLOCK = 4
"""Pixels of a model's input that a block has."""
READ = {"web": 224, "phone": 128}
"""Sides in pixels of what models read: those that learn from the web, and small ones that run on
telephones."""
SMALLEST, LARGEST = 16, 4096


def cells_for(reader: str) -> int:
    """Blocks along the shorter side of a picture, for a model that shrinks it.

    Parameters
    ----------
    reader : str
        A key of `READ`, or the side of a model's input in pixels.

    Raises
    ------
    ValueError
        For anything else.
    """
    if reader in READ:
        return READ[reader] // BLOCK
    if not re.fullmatch(r"[0-9]{1,9}", reader) or not SMALLEST <= int(reader) <= LARGEST:
        named = ", ".join(f"{name} ({side} pixels)" for name, side in READ.items())
        raise ValueError(
            f"--for {reader}: accepted are {named}, or the side in pixels that a model reads, "
            f"{SMALLEST} to {LARGEST}"
        )
    return int(reader) // BLOCK
