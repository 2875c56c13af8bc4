"""The embedded set: 1,911 emoji in two styles of drawing, with categories and captions.

Real art under free licences (`NOTICE.md` beside this file), so that everything runs without
network or account.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from taggant.data.assemble import Pool, assemble, divide
from taggant.data.decode import square
from taggant.data.imageset import Splits
from taggant.data.options import check_choice, check_whole

FOLDER = Path(__file__).parent
STYLES = ("noto", "twemoji")
LABELS = {"category": "categories", "subcategory": "subcategories"}
FIELDS = ("annotation", "tags", "style", "category", "subcategory")
TILE = 32


def load(
    labels: str = "category",
    styles: Sequence[str] = STYLES,
    caption: str = "{annotation}",
    size: int = TILE,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Splits:
    """Emoji as RGB images on mid-grey, split by concept: all styles of one are on one side.

    Parameters
    ----------
    labels : "category" (10 classes) or "subcategory" (99)
    styles : sequence of "noto", "twemoji"
    caption : str
        Template with the fields {annotation}, {tags}, {style}, {category}, {subcategory}.
    size : int
        Side in pixels; drawings are stored at 32 and resized to others.
    train, test : int, optional
        Images per split; None for all of the side.
    test_fraction : float
        Share of the concepts that the test side holds.
    seed : int
        Public seed of the split.

    Raises
    ------
    ValueError
        For an unknown label set, style or field, or more images wanted than there are.
    """
    check_whole("data.size", size)
    check_whole("data.seed", seed, least=0)
    check_choice("data.labels", labels, tuple(LABELS))
    _check_styles(styles)
    _check_caption(caption)
    table = json.loads((FOLDER / "concepts.json").read_text(encoding="utf-8"))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["concepts"]]
    drawings = [(concept, style) for concept in range(len(rows)) for style in styles]
    concepts = np.array([concept for concept, _ in drawings], dtype=np.int64)
    targets = np.array([rows[concept][labels] for concept, _ in drawings], dtype=np.int64)
    names = {key: table[plural] for key, plural in LABELS.items()}
    captions = [
        caption.format_map(
            rows[concept]
            | {"style": style}
            | {key: names[key][rows[concept][key]] for key in LABELS}
        )
        for concept, style in drawings
    ]
    sheets = {style: _sheet(style) for style in styles}
    pool = Pool(targets, partial(_tile, sheets, drawings, size), captions)
    train_order, test_order = divide(targets, seed, test_fraction, concepts)
    return assemble(
        f"emoji ({labels})", names[labels], (pool, train_order), (pool, test_order), (train, test)
    )


def fingerprint(**_: object) -> str:
    """Digest of the embedded files: they are data, which a hash of source code does not cover."""
    digest = hashlib.sha256()
    for name in ("concepts.json", *(f"{style}.webp" for style in STYLES)):
        digest.update((FOLDER / name).read_bytes())
    return digest.hexdigest()


def _check_styles(styles: object) -> None:
    known = isinstance(styles, Sequence) and not isinstance(styles, str)
    given = list(styles) if isinstance(styles, Sequence) and known else []
    if not given or len(set(given)) < len(given) or not set(given) <= set(STYLES):
        raise ValueError(
            f"data.styles = {styles}: accepted are lists of one or more of {', '.join(STYLES)}"
        )


def _check_caption(caption: object) -> None:
    try:
        shown = caption.format_map(dict.fromkeys(FIELDS, "a")) if isinstance(caption, str) else ""
    except (ValueError, LookupError, AttributeError):
        shown = ""
    if not shown.strip():
        raise ValueError(
            f"data.caption = {caption}: accepted is a text that may hold "
            f"{', '.join(f'{{{field}}}' for field in FIELDS)}"
        )


def _sheet(style: str) -> Image.Image:
    with Image.open(FOLDER / f"{style}.webp") as image:
        sheet: Image.Image = image.convert("RGBA")
    return sheet


def _tile(
    sheets: dict[str, Image.Image], drawings: list[tuple[int, str]], size: int, index: int
) -> Tensor:
    concept, style = drawings[index]
    row, column = divmod(concept, sheets[style].width // TILE)
    left, top = column * TILE, row * TILE
    return square(sheets[style].crop((left, top, left + TILE, top + TILE)), size)
