"""Labels and captions, which a picture's answers are compared with; committed to with it."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FOLDERS, NONE = "folders", "none"


@dataclass(frozen=True)
class Labelling:
    """Where labels and captions come from.

    Attributes
    ----------
    labels : str
        ``folders``: the first folder of a file's name, none for a file in no folder; ``none``; or
        a CSV file with the columns name and label.
    captions : Path, optional
        A CSV file with the columns name and caption.
    """

    labels: str = FOLDERS
    captions: Path | None = None

    def for_files(self, names: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Label and caption of each raw file, empty where there is none.

        Raises
        ------
        ValueError
            For a table that lacks a file, or names one twice.
        """
        labels = self._labels(names)
        captions = from_csv(self.captions, "caption", names) if self.captions else {}
        return {name: (labels.get(name, ""), captions.get(name, "")) for name in names}

    def _labels(self, names: Sequence[str]) -> Mapping[str, str]:
        if self.labels == NONE:
            return {}
        if self.labels == FOLDERS:
            folders = {name: PurePosixPath(name).parts[:-1] for name in names}
            return {name: parts[0] for name, parts in folders.items() if parts}
        path = Path(self.labels)
        if not path.exists():
            raise ValueError(f"--labels {path}: accepted are {FOLDERS}, {NONE}, or a CSV file")
        return from_csv(path, "label", names)


def from_csv(path: Path, column: str, names: Sequence[str]) -> dict[str, str]:
    """What a table says of each file: its columns are name and another one.

    Raises
    ------
    ValueError
        For a table that lacks a column or a file, or says two things of one.
    """
    found: dict[str, str] = {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        if not {"name", column} <= set(rows.fieldnames or ()):
            raise ValueError(f"{path}: the columns name and {column} are needed")
        for row in rows:
            value = (row[column] or "").strip()
            if found.setdefault(row["name"], value) != value:
                where = f"{path}, line {rows.line_num}"
                raise ValueError(f"{where}: {row['name']} has another {column} above")
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise ValueError(
            f"{path}: {len(missing)} pictures have no {column} (the first: {missing[0]})"
        )
    return found


def classes_of(labels: Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """The model's classes in its order; where none are named, the labels, sorted.

    (So does ``run.py`` number class folders.)
    """
    return tuple(classes) or tuple(sorted(set(labels)))


class Classes:
    """The classes of a model, by which labels become numbers.

    Parameters
    ----------
    names : sequence of str
        In the model's order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._numbers = {name: number for number, name in enumerate(names)}

    def number(self, label: str) -> int:
        """Number of a label among the classes; a label that is none of them may be a number itself.

        Raises
        ------
        ValueError
            If it is neither.
        """
        if label in self._numbers:
            return self._numbers[label]
        if re.fullmatch(r"0|[1-9][0-9]{0,8}", label) and int(label) < len(self.names):
            return int(label)
        shown = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
        raise ValueError(f"label {label!r} is none of the model's classes: {shown}")
