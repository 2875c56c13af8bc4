"""CLIP's tokenizer, whole or cut to its most frequent pieces."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import open_clip
from open_clip.tokenizer import default_bpe
from torch import Tensor

Tokenizer = Callable[[Sequence[str]], Tensor]
"""Captions -> token numbers int64 [N, context], cut or filled up with zeros."""

BYTES = 512
"""Pieces of one byte, inside a word or at its end: every text can be written with them."""


def tokenizer(model: str, context_length: int, text: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of an open_clip architecture.

    Parameters
    ----------
    model : str
        open_clip's name of the architecture.
    context_length : int
        Tokens of a caption, start and end included; longer captions are cut.
    text : mapping
        ``text_cfg`` where it differs from the architecture's; a ``vocab_size`` below that of
        CLIP's byte-pair encoding keeps its first, most frequent, merges only, so that a small
        model has a small table of words.

    Raises
    ------
    ValueError
        For a vocabulary that has no room for the bytes.
    """
    whole: Tokenizer = open_clip.get_tokenizer(model, context_length=context_length)
    size = text.get("vocab_size")
    if size is None or not isinstance(whole, open_clip.SimpleTokenizer) or size == whole.vocab_size:
        return whole
    least = BYTES + len(whole.all_special_ids)
    if not least <= size <= whole.vocab_size:
        raise ValueError(
            f"victim.config.text_cfg.vocab_size = {size}: accepted are {least} to "
            f"{whole.vocab_size}"
        )
    with tempfile.TemporaryDirectory() as folder:
        merges = Path(folder, "merges.gz")
        merges.write_bytes(first_merges(size - least))
        cut: Tokenizer = open_clip.get_tokenizer(
            model, context_length=context_length, bpe_path=str(merges)
        )
    return cut


def first_merges(count: int) -> bytes:
    """open_clip's file of merges, gzip of a headline and a line each, cut to the first so many."""
    lines = gzip.decompress(Path(default_bpe()).read_bytes()).split(b"\n")
    return gzip.compress(b"\n".join(lines[: 1 + count]), compresslevel=1)
