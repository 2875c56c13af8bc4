"""Captions as tokens, by the tokenizer file of a folder: tables, and no code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from taggant.extras import library
from taggant.models.model import Target

FILE = "tokenizer.json"
LONGEST = 512
"""Tokens of a caption at most."""


@dataclass(frozen=True)
class Tokens:
    """Cuts captions into numbered pieces, all captions to one length.

    Attributes
    ----------
    path : Path
    pad : int
        Number of the token that fills captions up.
    tokenizer : tokenizers.Tokenizer
    """

    path: Path
    pad: int
    tokenizer: Any = field(repr=False)

    def __call__(self, captions: Sequence[Target]) -> Tensor:
        """Captions as token numbers, int64 [N, length]."""
        cut = self.tokenizer.encode_batch([str(caption) for caption in captions])
        return torch.tensor([one.ids for one in cut])


def tokenizer_of(folder: Path, spec: str, config: Any) -> Tokens:
    """The tokenizer of a folder's text model.

    Parameters
    ----------
    folder : Path
    spec : str
    config : transformers config
        Of the text model.

    Raises
    ------
    ValueError
        If there is none, or it is damaged or of another model.
    """
    path = folder / FILE
    if not path.is_file():
        raise ValueError(
            f"{spec}: {path} is missing, by which captions are cut into tokens: "
            "AutoTokenizer.from_pretrained(ID).save_pretrained(FOLDER) writes it"
        )
    try:
        made = library("tokenizers", spec).Tokenizer.from_file(str(path))
        made.encode("a")
    except Exception as error:  # the library raises nothing more specific
        raise ValueError(f"{path}: no tokenizer ({error!s:.200})") from error
    pad, size = int(config.pad_token_id or 0), int(config.vocab_size)
    largest = max(pad, *made.get_vocab().values())
    if pad < 0 or largest >= size:
        raise ValueError(f"{path}: a token has number {largest}, and the model knows {size}")
    length = min(int(config.max_position_embeddings), LONGEST)
    made.enable_truncation(length)
    made.enable_padding(length=length, pad_id=pad, pad_token=made.id_to_token(pad) or "")
    return Tokens(path, pad, made)
