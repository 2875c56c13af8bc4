"""CLIP's tokenizer, whole or cut to its most frequent pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import open_clip
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
    made = open_clip.get_tokenizer(model, context_length=context_length)
    size = text.get("vocab_size")
    if size is None or not isinstance(made, open_clip.SimpleTokenizer) or size == made.vocab_size:
        return made  # type: ignore[no-any-return]
    return _cut(made, int(size))


def _cut(made: Any, size: int) -> Tokenizer:
    special = made.all_special_ids
    if not BYTES + len(special) <= size <= made.vocab_size:
        raise ValueError(
            f"victim.config.text_cfg.vocab_size = {size}: accepted are "
            f"{BYTES + len(special)} to {made.vocab_size}"
        )
    kept = size - BYTES - len(special)
    names = [made.decoder[number] for number in [*range(BYTES + kept), *special]]
    made.encoder = {name: number for number, name in enumerate(names)}
    made.decoder = dict(enumerate(names))
    made.bpe_ranks = dict(list(made.bpe_ranks.items())[:kept])
    made.vocab_size, made.all_special_ids = size, [size - 2, size - 1]
    made.sot_token_id, made.eot_token_id = made.all_special_ids
    return made  # type: ignore[no-any-return]
