"""Pictures sorted into folders: one for each class, in a train and a test side or undivided."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from taggant.data.options import some
from taggant.data.walk import visible, walk

SIDES = {
    "train": ("train", "training", "trainval", "trn"),
    "test": ("test", "testing", "tst", "holdout"),
    "val": ("val", "valid", "validation", "dev", "eval", "evaluation"),
}
"""Words that name a side; ``val`` serves as the test side where there is no other."""
FILLERS = ("set", "data", "split", "part", "images", "imgs", "pictures", "photos")
EXPECTED = "expected are root/<class>/<images> or root/{train,test}/<class>/<images>"
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})
Files = list[tuple[Path, str]]
"""Files with the name of their class."""


@dataclass(frozen=True)
class Layout:
    """What a folder of class folders holds.

    Attributes
    ----------
    train, test : list of (Path, str)
        Files with their class; test is empty where the folder is undivided.
    strays : list of Path
        Pictures that lie beside class folders and so have no class.
    beside : list of Path
        Other files and folders that are not read.
    """

    train: Files
    test: Files
    strays: list[Path]
    beside: list[Path]

    @property
    def files(self) -> Files:
        """All pictures, the train side's first."""
        return self.train + self.test


def layout(root: Path) -> Layout:
    """Find the classes of a folder, and its sides.

    Sides are recognised by name in any case: ``train2017`` and ``Validation``, say. Where folders
    may be either classes or sides, none is guessed.

    Raises
    ------
    ValueError
        If `root` holds neither classes nor sides of them, or might hold either.
    """
    folders, files = visible(root)
    sides = _sides(root, folders)
    if sides is None:
        classes, loose = _classes(root)
        return Layout(classes, [], *_sorted(loose))
    training, testing = sides
    (for_training, loose), (for_testing, more) = _classes(training), _classes(testing)
    unknown = sorted({name for _, name in for_testing} - {name for _, name in for_training})
    if unknown:
        raise ValueError(f"{testing} has classes {unknown} that {training} has not")
    strays, beside = _sorted(files + loose + more)
    others = [folder for folder in folders if folder not in sides]
    return Layout(for_training, for_testing, strays, others + beside)


def _sorted(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Pictures, and other files."""
    pictures = [path for path in files if _is_picture(path)]
    return pictures, [path for path in files if not _is_picture(path)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES


def _sides(root: Path, folders: list[Path]) -> tuple[Path, Path] | None:
    """The folders of the train and the test side; None if the folder is undivided."""
    named = {folder: _side(folder.name, alone=True) for folder in folders}
    loosely = {folder: _side(folder.name, alone=False) for folder in folders}
    if None in named.values() and set(loosely.values()) in ({"train", "test"}, {"train", "val"}):
        named = loosely
    trains = [folder for folder, side in named.items() if side == "train"]
    tests = [folder for folder, side in named.items() if side == "test"]
    tests = tests or [folder for folder, side in named.items() if side == "val"]
    if not trains:
        return None
    if not tests:
        # A class may itself be called "train": then it holds pictures.
        if not any(_holds_folders_only(folder) for folder in trains):
            return None
        raise ValueError(
            f"{root} holds {_names(folders)}: beside {trains[0].name}, one of test, val, dev, "
            f"validation or the like is expected; {EXPECTED}"
        )
    if len(trains) > 1 or len(tests) > 1:
        several = trains if len(trains) > 1 else tests
        raise ValueError(
            f"{root} holds {_names(several)}: which is the {named[several[0]]} side? Take the "
            "others away, or rename them"
        )
    if not any(visible(folder)[0] for folder in (*trains, *tests)):
        raise ValueError(
            f"{trains[0]} and {tests[0]} hold no class folders, though they are named as the two "
            f"sides of a set; {EXPECTED}"
        )
    return trains[0], tests[0]


def _side(name: str, alone: bool) -> str | None:
    """The side that a folder's name stands for, if any.

    With `alone` the name may say nothing else (``train_images2017``), without it may
    (``pets-train``).
    """
    words = [_plain(word) for word in re.findall("[a-z]+", name.lower())]
    found = [side for word in words for side, known in SIDES.items() if word in known]
    others = [word for word in words if word and not any(word in k for k in SIDES.values())]
    if len(set(found)) != 1 or (alone and others):
        return None
    return found[0]


def _plain(word: str) -> str:
    """A word without what is put before or behind the names of sides: ``trainset`` is train."""
    for filler in FILLERS:
        word = word.removesuffix(filler)
    return word


def _classes(folder: Path) -> tuple[Files, list[Path]]:
    """Files of every class folder below a folder, and the files beside these."""
    classes, loose = visible(folder)
    if len(classes) < 2:
        raise ValueError(
            f"{folder} holds {len(classes)} class folders {_names(classes)} and {len(loose)} "
            f"files: at least 2 class folders are needed; {EXPECTED}{_deeper(classes)}"
        )
    for path in classes:
        _check_name(path)
    found = {path: walk(path) for path in classes}
    empty = [path for path, files in found.items() if not files]
    if empty:
        raise ValueError(f"{folder}: no files in the class folders {_names(empty)}; {EXPECTED}")
    _check_no_sides(folder, found)
    return [(path, name.name) for name, files in found.items() for path in files], loose


def _deeper(classes: list[Path]) -> str:
    """A hint, where a lone folder wraps what is looked for."""
    inside = visible(classes[0])[0] if len(classes) == 1 else []
    return f". Below {classes[0]} lie {_names(inside)}" if len(inside) > 1 else ""


def _check_name(folder: Path) -> None:
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{folder.parent}: the class folder {folder.name!r} has a name that is "
            "not UTF-8; rename it"
        ) from error


def _check_no_sides(folder: Path, found: dict[Path, list[Path]]) -> None:
    """Refuse class folders that hold pictures in folders of the same names, and nowhere else.

    They may be classes seen by day and by night, or sides with the same classes; taken for one
    where they are the other, they give a wrong set without a word.
    """
    leaves = {path: _leaves(path, files) for path, files in found.items()}
    often = Counter(name for names in leaves.values() for name in names)
    shared = {path: {name for name in names if often[name] > 1} for path, names in leaves.items()}
    for one, other in combinations([path for path, names in shared.items() if len(names) > 1], 2):
        common = sorted(shared[one] & shared[other])
        if len(common) > 1:
            raise ValueError(
                f"{one} and {other} hold no pictures but in folders of the same names "
                f"{some(common)}: these may be two sides of a set, or two classes. Name sides "
                f"train and test, and put a class's pictures right into its folder; {EXPECTED}"
            )


def _leaves(folder: Path, files: list[Path]) -> set[str]:
    """Names of folders that hold a class's pictures; none if some lie in the class folder."""
    parents = Counter(path.parent for path in files if _is_picture(path))
    return set() if folder in parents else {path.name for path in parents}


def _holds_folders_only(folder: Path) -> bool:
    folders, files = visible(folder)
    return bool(folders) and not any(map(_is_picture, files))


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]
