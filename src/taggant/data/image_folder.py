"""Your own pictures: one sub-folder per class."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from taggant.data.assemble import Pool, assemble, divide, stratified_order
from taggant.data.class_folders import EXPECTED, Files, Layout, layout
from taggant.data.decode import FORMATS, read
from taggant.data.imageset import Splits
from taggant.data.options import check_choice, check_whole, existing, some
from taggant.data.walk import below, digest

ON_ERROR = ("raise", "skip")


def load(
    root: str | Path,
    size: int = 32,
    train: int | None = None,
    test: int | None = None,
    test_fraction: float = 0.2,
    on_error: str = "raise",
    seed: int = 0,
) -> Splits:
    """Read class sub-folders of PNG, JPEG, WebP, BMP or GIF files as RGB squares.

    Either root/{train,test}/<class> (or names like these, see `class_folders`) or root/<class>,
    which is then divided. Hidden files are ignored; any other file of a class is taken for an
    image, and what lies beside the class folders is named in a warning. Pictures become squares as
    `taggant.data.decode.square` says. Only the images drawn are decoded, so `train` and `test`
    also bound time and memory on very large folders.

    Parameters
    ----------
    root : path
    size : int
        Side in pixels: the shorter side is resized to it, the longer one cropped at its centre.
    train, test : int, optional
        Images per split, drawn in the classes' proportions; None for all.
    test_fraction : float
        Share of the images that the test side gets, where the folder does not say.
    on_error : "raise" or "skip"
        What to do with an unreadable file, or a picture outside of the class folders: fail and
        name it, or leave it out with a warning.
    seed : int
        Public seed of the draw.

    Raises
    ------
    FileNotFoundError
        If `root` is no folder.
    ValueError
        If the folder has another shape, one class, an empty class, too few images, or (with
        "raise") an unreadable file.
    """
    check_whole("data.size", size)
    check_whole("data.seed", seed, least=0)
    check_choice("data.on_error", on_error, ON_ERROR)
    root = existing("data.root", root, EXPECTED)
    found = layout(root)
    _check_beside(found, skip=on_error == "skip")
    reader = _Reader(found.files, size, skip=on_error == "skip")
    class_names = sorted({class_name for _, class_name in found.train})
    number = {class_name: k for k, class_name in enumerate(class_names)}
    labels = np.array([number[name] for _, name in found.files], dtype=np.int64)
    pool = Pool(labels, reader, name=lambda index: str(found.files[index][0]))
    if found.test:
        first = len(found.train)
        orders = (
            stratified_order(labels[:first], seed),
            first + stratified_order(labels[first:], seed),
        )
    else:
        orders = divide(labels, seed, test_fraction)
    try:
        return assemble(
            "image folder", class_names, (pool, orders[0]), (pool, orders[1]), (train, test)
        )
    finally:
        reader.warn()


def fingerprint(root: str | Path, **_: object) -> str:
    """Digest of the pictures that `load` may draw from, with their names below `root`.

    Moving the folder or touching its files changes nothing; renaming, adding, removing or editing
    a picture does.
    """
    root = existing("data.root", root, EXPECTED)
    return digest(below(root, (path for path, _ in layout(root).files)))


class _Reader:
    """Decodes a file by number; remembers the unreadable ones."""

    def __init__(self, files: Files, size: int, skip: bool) -> None:
        self.files = files
        self.size = size
        self.skip = skip
        self.unreadable: list[str] = []

    def __call__(self, index: int) -> Tensor | None:
        path = self.files[index][0]
        try:
            return read(str(path), path, self.size)
        except ValueError as error:
            if not self.skip:
                formats = ", ".join(FORMATS)
                raise ValueError(
                    f"{error}; formats are {formats}; data.on_error=skip leaves such files out"
                ) from error
            self.unreadable.append(str(path))
            return None

    def warn(self) -> None:
        if self.unreadable:
            _warn(f"left out {len(self.unreadable)} unreadable files", sorted(self.unreadable))


def _check_beside(found: Layout, skip: bool) -> None:
    """Name what lies beside the class folders; a picture there is a mistake."""
    if found.strays and not skip:
        raise ValueError(
            f"{found.strays[0]}: a picture beside the class folders has no class; move it into "
            f"one, or away ({len(found.strays)} such pictures); {EXPECTED}"
        )
    if found.strays or found.beside:
        listed = [str(path) for path in found.strays + found.beside]
        _warn(f"{len(listed)} beside the class folders, not read", some(listed))


def _warn(what: str, paths: Sequence[str]) -> None:
    warnings.warn("\n  ".join([f"{what}:", *paths]), stacklevel=4)
