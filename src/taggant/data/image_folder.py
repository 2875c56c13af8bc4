"""Your own pictures: one sub-folder per class."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from taggant.data.assemble import Pool, assemble, divide, stratified_order
from taggant.data.decode import square
from taggant.data.imageset import Splits
from taggant.data.walk import below, digest, visible, walk

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
ON_ERROR = ("raise", "skip")
TEST_NAMES = ("test", "val", "valid")
EXPECTED = "expected are root/<class>/<images> or root/{train,test}/<class>/<images>"
# What Pillow raises on files that are truncated, damaged or no images.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
Files = list[tuple[Path, str]]


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

    Either root/{train,test}/<class> (val or valid serve as test too) or root/<class>, which is
    then divided. Hidden files are ignored; any other file is taken for an image. Pictures become
    squares as `taggant.data.decode.square` says. Only the images drawn are decoded, so `train`
    and `test` also bound time and memory on very large folders.

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
        What to do with an unreadable file: fail and name it, or leave it out with a warning.
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
    if size < 1:
        raise ValueError(f"data.size = {size}: accepted are 1, 2, 3, ... pixels")
    if on_error not in ON_ERROR:
        raise ValueError(f"data.on_error = {on_error!r}: accepted are {ON_ERROR}")
    root = Path(root)
    for_training, for_testing = _scan(root)
    class_names = sorted({class_name for _, class_name in for_training})
    reader = _Reader(for_training + for_testing, size, skip=on_error == "skip")
    number = {class_name: k for k, class_name in enumerate(class_names)}
    labels = np.array([number[name] for _, name in reader.files], dtype=np.int64)
    pool = Pool(labels, reader)
    if for_testing:
        first = len(for_training)
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
    root = Path(root)
    for_training, for_testing = _scan(root)
    return digest(below(root, (path for path, _ in for_training + for_testing)))


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
            with Image.open(path, formats=FORMATS) as image:
                return square(image, self.size)
        except UNREADABLE as error:
            reason = f"{path}: no readable image ({error}); formats are {', '.join(FORMATS)}"
            if not self.skip:
                raise ValueError(f"{reason}; data.on_error=skip leaves such files out") from error
            self.unreadable.append(str(path))
            return None

    def warn(self) -> None:
        if self.unreadable:
            listed = "\n  ".join(sorted(self.unreadable))
            warnings.warn(
                f"left out {len(self.unreadable)} unreadable files:\n  {listed}", stacklevel=3
            )


def _scan(root: Path) -> tuple[Files, Files]:
    """Files of the train and the test folder with their class; the second empty if undivided."""
    folders, _ = visible(_existing(root))
    if not _holds_folders_only(root / "train"):
        return _classes(root), []
    tests = [name for name in TEST_NAMES if root / name in folders]
    if not tests:
        found = [folder.name for folder in folders]
        raise ValueError(f"{root} holds {found}: beside train, one of {TEST_NAMES} is expected")
    for_training, for_testing = _classes(root / "train"), _classes(root / tests[0])
    unknown = sorted({name for _, name in for_testing} - {name for _, name in for_training})
    if unknown:
        raise ValueError(f"{root / tests[0]} has classes {unknown} that {root / 'train'} has not")
    return for_training, for_testing


def _classes(folder: Path) -> Files:
    classes, loose = visible(folder)
    if len(classes) < 2:
        raise ValueError(
            f"{folder} holds {len(classes)} class folders {[c.name for c in classes]} and "
            f"{len(loose)} files: at least 2 class folders are needed; {EXPECTED}"
        )
    found = {folder: walk(folder) for folder in classes}
    empty = [folder.name for folder, files in found.items() if not files]
    if empty:
        raise ValueError(f"{folder}: no files in the class folders {empty}; {EXPECTED}")
    return [(path, folder.name) for folder, files in found.items() for path in files]


def _existing(root: Path) -> Path:
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise FileNotFoundError(
            f"data.root = {root}: found {found}, a folder is needed; {EXPECTED}"
        )
    return root


def _holds_folders_only(folder: Path) -> bool:
    # A class may itself be called "train": then it holds files.
    return folder.is_dir() and not visible(folder)[1]
