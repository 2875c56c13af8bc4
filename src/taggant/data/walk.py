"""The one walk through folders of pictures: loaders read what it finds, digests cover it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import track

from taggant.data.assemble import LONG
from taggant.files import sha256

UNREADABLE = "unreadable"
"""Stands in a digest for the content of a file that cannot be read."""


def walk(root: Path) -> list[Path]:
    """Every visible file below a folder, sorted by path; links are followed.

    Names that begin with a dot are hidden, and so is all below them. A link that leads nowhere is
    listed like a file, so that whoever reads it has to say so.

    Raises
    ------
    ValueError
        For a link to a folder that it lies in, and for what is neither file nor folder.
    OSError
        For a folder that cannot be listed.
    """
    found: list[Path] = []
    waiting = [(root, frozenset(map(_identity, root.absolute().parents)))]
    while waiting:
        folder, above = waiting.pop()
        if _identity(folder) in above:
            raise ValueError(
                f"{folder} leads back to {folder.resolve()}, a folder that it lies in: remove "
                "this link"
            )
        inside = above.union(map(_identity, (folder, *folder.resolve().parents)))
        for path, is_folder in _visible(folder):
            if is_folder:
                waiting.append((path, inside))
            else:
                found.append(path)
    return sorted(found, key=str)


def visible(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and files right below a folder, each sorted; links count as what they lead to.

    Raises
    ------
    ValueError
        For what is neither file nor folder.
    """
    entries = sorted(_visible(folder))
    return (
        [path for path, is_folder in entries if is_folder],
        [path for path, is_folder in entries if not is_folder],
    )


def digest(files: Mapping[str, Path]) -> str:
    """SHA-256 over the names and contents of files, 64 hex digits.

    Parameters
    ----------
    files : mapping
        Where each file lies, by the name that it has wherever its folder is moved to.
    """
    total = hashlib.sha256()
    for name in _bar(sorted(files), "checksums"):
        total.update(os.fsencode(name) + f"\0{_content(files[name])}\n".encode())
    return total.hexdigest()


def below(root: Path, files: Iterable[Path]) -> dict[str, Path]:
    """Files by their path from `root`, with ``/`` between its parts."""
    return {path.relative_to(root).as_posix(): path for path in files}


def _visible(folder: Path) -> list[tuple[Path, bool]]:
    """What lies right below a folder, and whether it is a folder."""
    with os.scandir(folder) as entries:
        return [
            (folder / entry.name, _is_folder(entry))
            for entry in entries
            if not entry.name.startswith(".")
        ]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except OSError:  # a link to itself
        return False
    if not (is_folder or is_file) and Path(entry).exists():
        raise ValueError(f"{entry.path} is neither a file nor a folder: remove it")
    return is_folder


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _content(path: Path) -> str:
    try:
        return sha256(path)
    except OSError:
        return UNREADABLE


def _bar(names: list[str], title: str) -> Iterable[str]:
    console = Console(stderr=True)
    shown = len(names) >= LONG and console.is_terminal
    return track(names, title, console=console, disable=not shown, transient=True)
